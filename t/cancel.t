# Cancelling: the work ends at once wherever it is, nothing stays behind, everybody who looks is
# told, and a person may try the job again.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP qw(decode_json);
use Render::Test;
use Render::Test::Faults;
use Test::More;
use Time::HiRes qw(time);

my $s = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;');
my $u = $s->signup;
my $asset = heavy_asset($s, $u, 12);

sub cancel { $s->req(POST => "/jobs/$_[0]/cancel", token => ($_[1] || $u)->{token}) }

my $cancelled;

subtest 'in the middle of rendering' => sub {
    my $job = $cancelled = submit($s, $u, film(asset => $asset, seconds => 12));
    my $ws = $s->ws("/ws/progress/$job", token => $u->{token});
    is $ws->status, 101, 'somebody watches';
    my @children = mid_render($s, $job, tasks => 2);
    ok scalar temp_files($s), 'there are temporary files';

    # Stopped, so that their end is not their own doing.
    freeze(@children);
    my $began = time;
    my $r = cancel($job);
    is $r->{status}, 200, 'the cancel is answered';
    is $r->{json}{status}, 'cancelled', 'the job is cancelled';
    ok eval { wait_until(sub { !grep { alive($_) } @children }, 1, 'the end of the children') }, 'the children are gone within 1 s'
        or diag $@;
    diag sprintf 'children gone %.2f s after the cancel', time - $began;
    ok eval { wait_until(sub { !temp_files($s) }, 2, 'the end of the temporary files') }, 'the temporary files are removed'
        or diag $@;

    my ($last, $close);
    while (my $m = $ws->next_message(5)) {
        if ($m->{opcode} == Render::Test::WS::CLOSE) { $close = $m; last }
        $last = decode_json($m->{payload});
    }
    is $last->{type},   'done',      'the WebSocket is told of the end';
    is $last->{status}, 'cancelled', 'and which end it is';
    is $close->{code}, 1000, 'and closed';
    $ws->close;

    my $got = $s->req(GET => "/jobs/$job", token => $u->{token})->{json};
    is $got->{status}, 'cancelled', 'GET says so';
    is $got->{error}{code}, 'cancelled', 'with the reason';
    ok $got->{ended_at}, 'and the time';
    unlike task_rows($s, $job), qr/leased|ready|blocked/, 'no task of it is left';
    is $s->req(GET => "/results/$job/final", token => $u->{token})->{status}, 404, 'there is no film';
    is cancel($job)->{status}, 200, 'cancelled again, the answer is the same';
};

subtest 'the worker goes on' => sub {
    my $job = submit($s, $u, film(seconds => 1));
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'the next job is rendered';
    my $r = cancel($job);
    is $r->{status}, 409, 'a completed job cannot be cancelled';
    like $r->{headers}{'content-type'}, qr{^application/problem\+json}, 'says problem+json';
    is $s->req(GET => "/jobs/$job", token => $u->{token})->{json}{status}, 'completed', 'and stays completed';
    completed_once($s, $job, 'after 409');
};

subtest 'somebody else\'s' => sub {
    my $other = $s->signup;
    is cancel($cancelled, $other)->{status}, 404, 'does not exist';
    is $s->req(POST => "/jobs/$cancelled/retry", token => $other->{token})->{status}, 404, 'to retry neither';
    is $s->req(POST => "/jobs/$cancelled/cancel")->{status}, 401, 'without a token nothing is said';
};

subtest 'tried again' => sub {
    my $r = $s->req(POST => "/jobs/$cancelled/retry", token => $u->{token});
    is $r->{status}, 202, 'the retry is taken';
    is $r->{json}{run}, 2, 'as run 2';
    my @events;
    my $got = $s->wait_job($u->{token}, $cancelled, events => \@events);
    is $got->{status}, 'completed', 'and completed';
    is $got->{run}, 2, 'in run 2';
    ok !grep({ $_->{run} != 2 } @events), 'every event is of run 2';
    is $events[-1]{percent}, 100, 'the last says 100 %';
    completed_once($s, $cancelled, 'retried');
    film_is($s, $u, $cancelled, 12, 'retried');
    is $s->req(POST => "/jobs/$cancelled/retry", token => $u->{token})->{status}, 409, 'a completed job is not tried again';
    is_deeply [temp_files($s)], [], 'no temporary file is left';
};

subtest 'a queued job' => sub {
    $s->stack(qw(stop worker));
    my $job = submit($s, $u, film(seconds => 1));
    is $s->req(GET => "/jobs/$job", token => $u->{token})->{json}{status}, 'queued', 'nobody has claimed it';
    my $r = cancel($job);
    is $r->{status}, 200, 'the cancel is answered';
    is $r->{json}{status}, 'cancelled', 'the job is cancelled';
    $s->stack(qw(start worker));
    my $next = submit($s, $u, film(seconds => 1));
    is $s->wait_job($u->{token}, $next)->{status}, 'completed', 'a worker does what came after it';
    is task_rows($s, $job), 'plan cancelled 0 0', 'and has never begun the cancelled one';
    $r = $s->req(POST => "/jobs/$job/retry", token => $u->{token});
    is $r->{status}, 202, 'tried again';
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'it is completed';
};

subtest 'a job that waits for a probe' => sub {
    $s->stack(qw(stop worker));
    my $new = $s->upload($u->{token}, make_media('short.mp4', qw(-f lavfi -i testsrc2=size=128x72:rate=30 -t 1 -pix_fmt yuv420p)));
    my $job = submit($s, $u, film(asset => $new, seconds => 1));
    is $s->req(GET => "/jobs/$job", token => $u->{token})->{json}{status}, 'pending', 'it is pending';
    is cancel($job)->{json}{status}, 'cancelled', 'the job is cancelled';
    $s->stack(qw(start worker));
    ok wait_until(sub { $s->req(GET => "/videos/$new->{id}", token => $u->{token})->{json}{status} eq 'ready' }, 10),
        'the probe is done all the same';
    is $s->req(GET => "/jobs/$job", token => $u->{token})->{json}{status}, 'cancelled', 'and the job stays cancelled';
};

subtest 'cancels at every moment' => sub {
    # No order of claim, plan, render, finish and cancel may leave a task or a file behind.
    my @jobs;
    for my $n (0 .. 11) {
        my $job = submit($s, $u, film(asset => $asset, seconds => 2));
        my $until = time + 0.06 * $n;
        wait_until(sub { time >= $until });
        push @jobs, [$job, cancel($job)];
    }
    my @odd = grep { $_->[1]{status} != 200 && $_->[1]{status} != 409 } @jobs;
    ok !@odd, 'each is answered' or diag map {"$_->[1]{status} $_->[1]{body}\n"} @odd;
    wait_until(sub { !render_children($s) }, 5, 'the end of all children');
    is $s->psql("SELECT count(*) FROM render.task WHERE status IN ('leased', 'ready', 'blocked')"), 0, 'no task is left';
    is $s->psql("SELECT count(*) FROM render.job WHERE status NOT IN ('completed', 'cancelled')"), 0, 'every job has ended';
    ok wait_until(sub { !temp_files($s) }, 2), 'no temporary file is left';
};

$s->stop;
done_testing;
