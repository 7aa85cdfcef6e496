# PostgreSQL is away, killed, cut off or stalled: nginx says so quickly, what needs no database
# goes on, both recover by themselves, and no work is lost or spent for it.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP qw(encode_json);
use Render::Test;
use Render::Test::Faults;
use Test::More;
use Time::HiRes qw(time);

my $s = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;');
my $u = $s->signup;
my $asset = heavy_asset($s, $u, 12);

sub backends {
    return map { split /\n/ } $s->psql("SELECT pid FROM pg_stat_activity WHERE usename = 'render_web'");
}

# Every process of nginx, for reading and for writing: enough requests to meet each, and each that
# told of the outage has told of its end.
sub all_back {
    return 0 if log_count($s, 'nginx-error', 'PostgreSQL is away') != log_count($s, 'nginx-error', 'PostgreSQL is back');
    my %refused = (version => 1, timeline => { width => 64, height => 64, fps => 30, tracks => [{ kind => 'video',
        clips => [{ asset => { type => 'video', src => 'asset:00000000-0000-4000-8000-000000000000' }, duration => 1 }] }] });
    for (1 .. 8) {
        return 0 if $s->req(GET => '/users/me', token => $u->{token})->{status} != 200;
        return 0 if $s->req(POST => '/compositions', token => $u->{token}, json => \%refused)->{status} != 422;
    }
    return ready($s)->{status} == 200;
}

my $done = submit($s, $u, film(seconds => 2));
is $s->wait_job($u->{token}, $done)->{status}, 'completed', 'a film from before';
my $link = $s->req(GET => "/results/$done/final", token => $u->{token})->{headers}{location};

subtest 'stopped and started' => sub {
    $s->stack(qw(stop postgres));
    my $stopped = time;
    # Each of nginx's processes and lanes has to find out once.
    $s->req(GET => '/users/me', token => $u->{token}) for 1 .. 4;
    $s->req(POST => '/compositions', token => $u->{token}, json => film(seconds => 1)) for 1 .. 4;

    my $slowest = 0;
    my (@odd, $r);
    for my $n (1 .. 40) {
        my $began = time;
        $r = $n % 3 == 0 ? $s->req(POST => '/compositions', token => $u->{token}, json => film(seconds => 1))
            : $n % 3 == 1 ? $s->req(GET => '/users/me', token => $u->{token})
            :               $s->req(GET => "/jobs/$done", token => $u->{token});
        my $took = time - $began;
        $slowest = $took if $took > $slowest;
        push @odd, "$r->{status} $r->{body}" unless $r->{status} == 503
            && $r->{headers}{'content-type'} =~ m{^application/problem\+json} && ($r->{headers}{'retry-after'} || 0) > 0;
    }
    is_deeply \@odd, [], 'every call answers 503, problem+json and Retry-After';
    cmp_ok $slowest, '<', 0.25, 'within 250 ms';
    diag sprintf 'the slowest 503 took %.1f ms', $slowest * 1000;
    is $r->{json}{status}, 503, 'the problem has its status';
    ok $r->{json}{instance}, 'and the id of the request';

    is $s->req(GET => '/health')->{status}, 200, '/health answers';
    $r = ready($s);
    is $r->{status}, 503, '/health/ready says no';
    is $r->{json}{postgres}, 'away', 'because of PostgreSQL';
    is $r->{json}{redis}, 'ok', 'not of Redis';
    is $s->req(POST => '/auth/login', json => { email => $u->{email}, password => $u->{password} })->{status}, 503,
        'nobody can sign in';
    is $s->req(GET => '/users/me', token => 'a.b.c')->{status}, 401, 'a bad token is refused as ever';

    $r = $s->req(GET => $link);
    is $r->{status}, 200, 'a signed link is still good';
    is substr($r->{body}, 4, 4), 'ftyp', 'for the film';
    is $s->req(GET => $link, headers => { Range => 'bytes=0-99' })->{status}, 206, 'and for a part of it';

    my ($worker) = $s->worker_pids;
    ok alive($worker), 'the worker waits';

    # Long enough for the pauses between two attempts to be the longest there are.
    wait_until(sub { time > $stopped + 12 }, 20);
    is $s->req(GET => '/users/me', token => $u->{token})->{status}, 503, 'still away';
    $s->stack(qw(start postgres));
    my $began = time;
    ok eval { wait_until(sub { ready($s)->{status} == 200 }, 10) }, 'it comes back without a reload';
    ok eval { wait_until(\&all_back, 10) }, 'in each process';
    diag sprintf 'nginx back %.2f s after PostgreSQL', time - $began;
    cmp_ok time - $began, '<', 6, 'within 6 s';
    is $s->wait_job($u->{token}, submit($s, $u, film(seconds => 1)))->{status}, 'completed', 'jobs are taken and done again';
    for my $what ('PostgreSQL is away', 'PostgreSQL is back') {
        my $n = log_count($s, 'nginx-error', $what);
        ok $n >= 1 && $n <= 2, "nginx logs once per process: $what" or diag "$n times";
        is log_count($s, 'worker-1', $what), 1, "the worker logs once: $what";
    }
};

subtest 'killed in the middle of rendering' => sub {
    my $job = submit($s, $u, film(asset => $asset, seconds => 7));
    my @children = mid_render($s, $job, tasks => 2);
    freeze(@children);
    my $before = task_rows($s, $job);
    $s->psql('CHECKPOINT');         # this one runs without synchronous_commit
    $s->stack(qw(kill postgres));
    thaw(@children);
    ok wait_until(sub { !render_children($s) }, 30, 'the end of the children'), 'the children end while it is away';
    $s->stack(qw(start postgres));
    my $began = time;
    wait_until(\&all_back, 10);
    is $s->wait_job($u->{token}, $job, timeout => 60)->{status}, 'completed', 'the job is completed';
    diag sprintf 'completed %.2f s after PostgreSQL was back', time - $began;
    unlike task_rows($s, $job), qr/^\S+ \S+ [^1] /m, 'every task in its first attempt';
    unlike task_rows($s, $job), qr/^\S+ \S+ \S+ [^1]$/m, 'claimed once: the late end was taken'
        or diag $before;
    unlike $s->log('worker-1'), qr/no longer ours/, 'nothing was lost to the worker';
    completed_once($s, $job, 'killed PostgreSQL');
    film_is($s, $u, $job, 7, 'killed PostgreSQL');
};

subtest 'away for longer than a lease, two workers' => sub {
    # Whoever is back first must not take from the other what that one still does.
    $s->stack(qw(start worker-2));
    my $job = submit($s, $u, film(asset => $asset, seconds => 12));
    my ($first, $second) = $s->worker_pids;
    wait_until(sub { render_children($s, $first) && render_children($s, $second) }, 20, 'both workers at work');
    my @children = render_children($s);
    freeze(@children);
    $s->psql('CHECKPOINT');
    my $began = time;
    $s->stack(qw(stop postgres));
    wait_until(sub { time > $began + 8 }, 20);
    $s->stack(qw(start postgres));
    wait_until(\&all_back, 10);
    # The children are let go when a reclaim would have come.
    $began = time;
    wait_until(sub { time > $began + 8 }, 20);
    thaw(@children);
    is $s->wait_job($u->{token}, $job, timeout => 60)->{status}, 'completed', 'the job is completed';
    unlike task_rows($s, $job), qr/^\S+ \S+ [^1] /m, 'no outage was counted as an attempt' or diag task_rows($s, $job);
    completed_once($s, $job, 'two workers');
    $s->stack(qw(stop worker-2));
};

subtest 'an answer of the claim that never came' => sub {
    # Leased to a living worker that knows nothing of it.
    my ($worker) = split /\n/, $s->psql('SELECT id FROM render.worker WHERE alive_until > now()');
    my $job = submit($s, $u, film(seconds => 1));
    $s->wait_job($u->{token}, $job);
    $s->psql("UPDATE render.job SET status = 'processing', ended_at = NULL WHERE id = '$job';"
        . " UPDATE render.task SET status = 'leased', worker = '$worker', fence = fence + 1, attempt = 2"
        . " WHERE job = '$job' AND kind = 'assemble'");
    ok eval { wait_until(sub { $s->psql("SELECT status FROM render.job WHERE id = '$job'") eq 'completed' }, 10) },
        'the task is done all the same' or diag task_rows($s, $job);
    is $s->psql("SELECT attempt FROM render.task WHERE job = '$job' AND kind = 'assemble'"), 2, 'the lost claim is no attempt';
};

subtest 'a session that has forgotten what was prepared' => sub {
    # as a pooler may hand one out; each alive() of the worker forgets it again
    my $before = () = $s->log('worker-1') =~ /render_work\.\w+/g;
    $s->psql(<<'SQL');
CREATE FUNCTION render.forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DEALLOCATE ALL; RETURN NULL; END';
GRANT EXECUTE ON FUNCTION render.forget() TO PUBLIC;
CREATE TRIGGER forget AFTER UPDATE ON render.worker EXECUTE FUNCTION render.forget();
SQL
    is $s->wait_job($u->{token}, submit($s, $u, film(seconds => 1)))->{status}, 'completed', "film $_ is made" for 1 .. 2;
    $s->psql('DROP TRIGGER forget ON render.worker; DROP FUNCTION render.forget()');
    is scalar(() = $s->log('worker-1') =~ /render_work\.\w+/g), $before, 'no call has failed';
};

subtest 'every connection of nginx is cut' => sub {
    $s->psql("CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(3); RETURN NEW; END';"
        . 'CREATE TRIGGER slow BEFORE INSERT ON render.composition FOR EACH ROW EXECUTE FUNCTION public.slow()');
    my @waiting = map {
        background(sub {
            my $began = time;
            my $r = $s->req(POST => '/compositions', token => $u->{token}, json => film(seconds => 1));
            sprintf '%d %.1f %s', $r->{status}, time - $began, $r->{headers}{'retry-after'} || 'no Retry-After';
        })
    } 1 .. 4;
    wait_until(sub {
        $s->psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'render_web' AND wait_event = 'PgSleep'") }, 5);
    my $before = $s->psql('SELECT count(*) FROM render.composition');
    $s->psql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'render_web'");
    my @answers = map { $_->() } @waiting;
    is scalar(grep {/^503 [0-2]\.\d [1-9]/} @answers), 4, 'who waited is told at once' or diag map {"$_\n"} @answers;
    $s->psql('DROP TRIGGER slow ON render.composition; DROP FUNCTION public.slow()');
    ok wait_until(\&all_back, 3), 'the next requests work';
    is $s->psql('SELECT count(*) FROM render.composition'), $before, 'nothing was stored behind the callers\' backs';
    is $s->wait_job($u->{token}, submit($s, $u, film(seconds => 1)))->{status}, 'completed', 'and so do jobs';
};

subtest 'a backend that stalls' => sub {
    # One read and one write connection at least, in each process.
    $s->req(GET => '/users/me', token => $u->{token}) for 1 .. 8;
    my @pids = backends();
    cmp_ok scalar @pids, '>', 1, 'there are backends to stop';
    kill STOP => @pids;
    my $began = time;
    my @waiting = map { background(sub { my $r = $s->req(GET => '/users/me', token => $u->{token}); "$r->{status}" }) } 1 .. 4;
    is $s->req(GET => '/health')->{status}, 200, '/health answers meanwhile';
    is $s->req(GET => $link)->{status}, 200, 'films flow meanwhile';
    my @answers = map { $_->() } @waiting;
    my $took = time - $began;
    # A process that had no connection to spare opens one, which is not stopped.
    is_deeply [grep { !/\A(?:200|503)\z/ } @answers], [], 'who waited is told 503, or has it from another connection';
    ok scalar(grep { $_ == 503 } @answers), 'who sat on a stopped one is told 503';
    diag sprintf 'the deadline came after %.2f s', $took;
    cmp_ok $took, '<', 9, 'by the deadline';
    cmp_ok $took, '>', 4, 'and not before a slow statement would have ended';
    # Each process finds out by itself: one more request may have to sit it out.
    ok eval { wait_until(sub { $s->req(GET => '/users/me', token => $u->{token})->{status} == 200 }, 12) },
        'on another connection the next ones work, while those are still stopped';
    kill CONT => @pids;
    ok wait_until(\&all_back, 3), 'and all of them afterwards';
    ok wait_until(sub { backends() <= 8 }, 5), 'the stalled ones have gone';

    # For shorter than the deadline nobody notices but by waiting.
    @pids = backends();
    kill STOP => @pids;
    @waiting = map { background(sub { $s->req(GET => '/users/me', token => $u->{token})->{status} }) } 1 .. 4;
    my $until = time + 1;
    wait_until(sub { time > $until });
    kill CONT => @pids;
    is_deeply [map { $_->() } @waiting], [(200) x 4], 'after a short stall everybody is answered';
};

$s->stop;
done_testing;
