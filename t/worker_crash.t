# Workers and their children are killed in the middle of rendering: the work is taken up again
# soon, every film comes once, and nothing stays behind.

use strict;
use warnings;

use lib 't/lib';
use Render::Test;
use Render::Test::Faults;
use Test::More;
use Time::HiRes qw(time);

my $s = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;');
my $u = $s->signup;
my $asset = heavy_asset($s, $u, 12);

# The moment of the latest claim among a job's tasks, in seconds since the epoch.
sub claimed_after {
    my ($job, $moment, $what) = @_;
    my $at = wait_until(
        sub {
            $s->psql("SELECT min(extract(epoch FROM started_at)) FROM render.task WHERE job = '$job'"
                . " AND attempt > 1 AND extract(epoch FROM started_at) > $moment");
        },
        15, "another claim after $what"
    );
    return $at - $moment;
}

subtest 'a child is killed' => sub {
    my $job = submit($s, $u, film(asset => $asset, seconds => 6));
    my ($child) = mid_render($s, $job);
    freeze($child);
    my $killed = time;
    kill KILL => $child;
    my $took = claimed_after($job, $killed, 'the kill of a child');
    diag sprintf 'a killed child: claimed again after %.2f s', $took;
    cmp_ok $took, '<', 10, 'its task is claimed again in time';
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'the job goes on';
    completed_once($s, $job, 'child');
    film_is($s, $u, $job, 6, 'child');
    is_deeply [temp_files($s)], [], 'no temporary file is left';
};

subtest 'a worker is killed with all it has, and another started' => sub {
    my $job = submit($s, $u, film(asset => $asset, seconds => 11));
    my @children = mid_render($s, $job);
    freeze(@children);
    ok scalar temp_files($s), 'there are temporary files while it renders';
    my @family = ($s->worker_pids, helpers($s), @children);
    my $killed = time;
    $s->stack(qw(kill worker));
    is_deeply [grep { alive($_) } @family], [], 'nothing of the worker lives';
    my @left = temp_files($s);
    $s->stack(qw(start worker));
    my $took = claimed_after($job, $killed, 'the kill of a worker');
    diag sprintf 'a killed worker, a new one started: claimed again after %.2f s', $took;
    cmp_ok $took, '<', 10, 'its tasks are claimed again in time';
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'the new worker completes the job';
    completed_once($s, $job, 'new worker');
    film_is($s, $u, $job, 11, 'new worker');

    # What nobody holds is swept when it has lain for some time; here the time is made to have gone.
    utime time - 3600, time - 3600, @left;
    ok wait_until(sub { !temp_files($s) }, 15, 'the sweep of temporary files'), 'no temporary file is left';
};

subtest 'the sweep spares what is written at the time' => sub {
    my $job = submit($s, $u, film(asset => $asset, seconds => 5));
    my @children = mid_render($s, $job);
    freeze(@children);
    my @files = temp_files($s);
    ok scalar @files, 'there is something to spare';
    utime time - 3600, time - 3600, @files;
    my $dead = ($s->temp_folders)[-1] . '/00000000-0000-4000-8000-000000000000';
    open my $out, '>', $dead or die "$dead: $!";
    close $out;
    utime time - 3600, time - 3600, $dead;
    ok wait_until(sub { !-e $dead }, 15, 'a sweep'), 'a file that nobody holds goes';
    is scalar(grep { -e } @files), scalar @files, 'those of a slow child stay';
    thaw(@children);
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'and the job is completed';
    completed_once($s, $job, 'slow child');
};

subtest 'only the supervisor is killed: its children go with it' => sub {
    $s->stack(qw(restart worker));
    my $job = submit($s, $u, film(asset => $asset, seconds => 7));
    my @children = mid_render($s, $job);
    my ($pid) = $s->worker_pids;
    my @family = (helpers($s), @children);
    open my $note, '>', $s->home . '/run/worker-1.killed' or die $!;     # so that the rig expects it
    close $note;
    kill KILL => $pid;
    ok wait_until(sub { !grep { alive($_) } $pid, @family }, 3, 'the end of the children'),
        'mover, zygote and children end by themselves';
    $s->stack(qw(start worker));
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'the job is completed by the next worker';
    completed_once($s, $job, 'supervisor');
};

subtest 'two workers, one is killed: the other takes over' => sub {
    $s->stack(qw(start worker-2));
    my $job = submit($s, $u, film(asset => $asset, seconds => 12));
    my ($first, $second) = $s->worker_pids;
    wait_until(sub { render_children($s, $first) && render_children($s, $second) }, 20, 'both workers at work');
    my @children = render_children($s, $first);
    freeze(@children);
    my $killed = time;
    # The first one is the janitor: its office must pass on too.
    $s->stack(qw(kill worker-1));
    my $took = claimed_after($job, $killed, 'the kill of one of two');
    diag sprintf 'one of two workers killed: claimed again after %.2f s', $took;
    cmp_ok $took, '<', 10, 'its tasks are claimed by the other in time';
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'the job is completed';
    completed_once($s, $job, 'other worker');
    film_is($s, $u, $job, 12, 'other worker');
    utime time - 3600, time - 3600, temp_files($s);
    ok wait_until(sub { !temp_files($s) }, 15, 'the sweep of temporary files'), 'no temporary file is left';
};

subtest 'a task that kills its child each time' => sub {
    my $job = submit($s, $u, film(asset => $asset, seconds => 3));
    my %seen;
    wait_until(
        sub {
            my $row = $s->psql("SELECT j.status || ' ' || coalesce(max(t.attempt) FILTER (WHERE t.kind = 'render_segment'"
                . " AND t.status = 'leased'), 0) FROM render.job j JOIN render.task t ON t.job = j.id WHERE j.id = '$job'"
                . ' GROUP BY j.status');
            my ($status, $attempt) = split / /, $row;
            return 1 if $status eq 'failed';
            die "the job is $status\n" if $status eq 'completed';
            for my $child ($attempt ? render_children($s) : ()) {
                freeze($child);
                $seen{$attempt}++;
                kill KILL => $child;
            }
            return 0;
        },
        30, 'the failure of the job'
    );
    my $got = $s->req(GET => "/jobs/$job", token => $u->{token})->{json};
    is $got->{status}, 'failed', 'the job has failed';
    is $got->{attempts}, 3, 'after three attempts';
    is_deeply [sort keys %seen], [1, 2, 3], 'each of which was killed';
    like $got->{error}{detail}, qr/signal 9\b.*Killed/, 'the reason names the signal';
    is $got->{error}{stage}, 'render_segment', 'and the stage';
    is_deeply [temp_files($s)], [], 'no temporary file is left';
    $got = $s->req(POST => "/jobs/$job/retry", token => $u->{token});
    is $got->{status}, 202, 'a person may try it again';
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'and then it is completed';
    completed_once($s, $job, 'retried');
};

$s->stop;
done_testing;
