# A worker that is told to end finishes what it can, hands back the rest unspent, and is gone
# with status 0; one that is told to be quiet claims nothing new.

use strict;
use warnings;

use lib 't/lib';
use Render::Test;
use Render::Test::Faults;
use Test::More;
use Time::HiRes qw(time);

my $s = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;',
    env => { RENDER_DRAIN_TIMEOUT => 90 });
my $u = $s->signup;
my $asset = heavy_asset($s, $u, 12);

sub exits {
    open my $in, '<', $s->home . '/run/exits' or return '';
    local $/;
    return <$in>;
}

# How the last worker of that name ended.
sub last_exit {
    my ($name) = @_;
    my @all = exits() =~ /^\Q$name\E (\S+)$/mg;
    return $all[-1];
}

sub attempts {
    my ($job) = @_;
    return $s->psql("SELECT max(attempt) FROM render.task WHERE job = '$job'");
}

subtest 'time enough: what runs is finished' => sub {
    my $job = submit($s, $u, film(asset => $asset, seconds => 12));
    my @children = mid_render($s, $job, tasks => 2);
    my @tasks = split /\n/, $s->psql("SELECT id FROM render.task WHERE job = '$job' AND status = 'leased'");
    freeze(@children);
    my ($pid) = $s->worker_pids;
    kill TERM => $pid;
    ok wait_until(sub { $s->log('worker-1') =~ /draining: 2 tasks/ }, 5), 'it drains';
    ok wait_until(sub { $s->psql('SELECT bool_and(draining) FROM render.worker') eq 't' }, 5), 'and says so';
    ok alive($pid), 'it waits for its children';
    thaw(@children);
    ok wait_until(sub { !alive($pid) }, 90, 'the end of the worker'), 'it ends when they have';
    $s->stack(qw(stop worker));
    is last_exit('worker-1'), 0, 'with status 0';
    is $s->psql("SELECT string_agg(DISTINCT status::text, ' ') FROM render.task WHERE id IN ('" . join("', '", @tasks) . "')"),
        'done', 'what it had begun is done';
    is $s->psql("SELECT count(*) FROM render.task WHERE job = '$job' AND status = 'leased'"), 0, 'it took nothing new';
    is $s->psql('SELECT count(*) FROM render.worker'), 0, 'its row is gone';
    is_deeply [temp_files($s)], [], 'no temporary file is left';
    $s->stack(qw(start worker));
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'the next worker goes on';
    completed_once($s, $job, 'long drain');
    is attempts($job), 1, 'nothing was done twice';
};

subtest 'too little time: what runs is handed back unspent' => sub {
    $s->{env}{RENDER_DRAIN_TIMEOUT} = 1;
    $s->stack(qw(restart worker));
    my $job = submit($s, $u, film(asset => $asset, seconds => 11));
    my @children = mid_render($s, $job, tasks => 2);
    freeze(@children);
    my ($pid) = $s->worker_pids;
    my $began = time;
    kill TERM => $pid;
    ok wait_until(sub { !alive($pid) }, 10, 'the end of the worker'), 'it ends';
    diag sprintf 'drained with RENDER_DRAIN_TIMEOUT=1 in %.2f s', time - $began;
    cmp_ok time - $began, '<', 4, 'soon after its time is up';
    $s->stack(qw(stop worker));
    is last_exit('worker-1'), 0, 'with status 0';
    is_deeply [grep { alive($_) } @children], [], 'its children are gone';
    unlike task_rows($s, $job), qr/leased/, 'no task is leased any more';
    is $s->psql("SELECT string_agg(DISTINCT attempt::text, ' ') FROM render.task WHERE job = '$job' AND status = 'ready'"),
        '0', 'the attempt is not counted';
    is_deeply [temp_files($s)], [], 'no temporary file is left';
    $began = time;
    $s->stack(qw(start worker));
    wait_until(sub { $s->psql("SELECT count(*) FROM render.task WHERE job = '$job' AND status = 'leased'") }, 10, 'a claim');
    diag sprintf 'handed back: claimed by the next worker %.2f s after it was started', time - $began;
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'the next worker completes the job';
    completed_once($s, $job, 'short drain');
    film_is($s, $u, $job, 11, 'short drain');
    is attempts($job), 1, 'in the first attempt';
};

subtest 'a second signal ends the patience' => sub {
    $s->{env}{RENDER_DRAIN_TIMEOUT} = 60;
    $s->stack(qw(restart worker));
    my $job = submit($s, $u, film(asset => $asset, seconds => 10));
    my @children = mid_render($s, $job);
    freeze(@children);
    my ($pid) = $s->worker_pids;
    kill TERM => $pid;
    wait_until(sub { $s->psql('SELECT bool_or(draining) FROM render.worker') eq 't' }, 5, 'draining');
    kill TERM => $pid;
    ok wait_until(sub { !alive($pid) }, 3, 'the end of the worker'), 'it ends at once';
    $s->stack(qw(stop worker));
    is last_exit('worker-1'), 0, 'with status 0';
    is_deeply [temp_files($s)], [], 'no temporary file is left';
    is $s->req(POST => "/jobs/$job/cancel", token => $u->{token})->{status}, 200, 'the job is cancelled';
};

subtest 'quiet' => sub {
    $s->{env}{RENDER_DRAIN_TIMEOUT} = 20;
    $s->stack(qw(start worker));
    my $first = submit($s, $u, film(asset => $asset, seconds => 9));
    my @children = mid_render($s, $first);
    my ($pid) = $s->worker_pids;
    freeze(@children);
    kill TSTP => $pid;
    ok wait_until(sub { $s->log('worker-1') =~ /quiet: no new tasks/ }, 5), 'it is quiet';
    my $second = submit($s, $u, film(seconds => 1));
    thaw(@children);
    wait_until(sub { !render_children($s) }, 20, 'the end of what was begun');
    # More than the pauses of claim and janitor.
    my $until = time + 6;
    wait_until(sub { time > $until }, 8);
    ok alive($pid), 'it lives on';
    is $s->req(GET => "/jobs/$second", token => $u->{token})->{json}{status}, 'queued', 'it claims nothing new';
    like task_rows($s, $first), qr/render_segment done/, 'what it had begun is done';
    ok $s->psql('SELECT alive_until > now() AND draining FROM render.worker') eq 't', 'its lease is renewed';

    $s->stack(qw(start worker-2));
    is $s->wait_job($u->{token}, $second)->{status}, 'completed', 'another worker does the new job';
    is $s->wait_job($u->{token}, $first)->{status}, 'completed', 'and the rest of the old one';
    kill TERM => $pid;
    ok wait_until(sub { !alive($pid) }, 5), 'a quiet worker without tasks ends at once';
    $s->stack(qw(stop worker-1));
    is last_exit('worker-1'), 0, 'with status 0';
};

subtest 'a janitor keeps house until it is gone' => sub {
    # worker-2 became the janitor when worker-1 had gone; now worker-1 is the other one.
    ok wait_until(sub { $s->log('worker-2') =~ /is the janitor now/ }, 5), 'worker-2 is the janitor';
    my $job = submit($s, $u, film(asset => $asset, seconds => 8));
    my ($janitor) = $s->worker_pids;
    my @slow = mid_render($s, $job, workers => [$janitor]);
    freeze(@slow);
    $s->stack(qw(start worker-1));
    kill TERM => $janitor;
    wait_until(sub { $s->log('worker-2') =~ /draining/ }, 5, 'draining');
    my $other = submit($s, $u, film(asset => $asset, seconds => 5));
    my ($first) = $s->worker_pids;
    my @children = mid_render($s, $other, workers => [$first]);
    freeze(@children);
    my $killed = time;
    $s->stack(qw(kill worker-1));
    $s->stack(qw(start worker-1));
    wait_until(sub { $s->psql("SELECT count(*) FROM render.task WHERE job = '$other' AND attempt > 1") }, 15,
        'the dead worker\'s task');
    diag sprintf 'a worker killed while the janitor drains: claimed again after %.2f s', time - $killed;
    cmp_ok time - $killed, '<', 10, 'its tasks are claimed again while the janitor drains';
    ok alive($janitor), 'which it still does';
    thaw(@slow);
    is $s->wait_job($u->{token}, $other)->{status}, 'completed', 'the job is completed';
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'so is the one of the draining worker';
};

$s->stop;
done_testing;
