# Redis only rings the bell: stopped, killed, emptied or hanging, it holds up no request and loses
# no job; everybody finds back to it, and the logs stay short.

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
my @queues = map { my $class = $_; map {"queue.$class.$_"} qw(high default low) } qw(image2json json2video publish);

# The events of a WebSocket until its end: (close code, @events)
sub watch {
    my ($ws, $timeout) = @_;
    my @events;
    my $until = time + $timeout;
    while (time < $until) {
        my $m = $ws->next_message($until - time) or last;
        return ($m->{code}, @events) if $m->{opcode} == Render::Test::WS::CLOSE;
        push @events, { %{ decode_json($m->{payload}) }, seen => time };
    }
    return ('none', @events);
}

# Each process of nginx that told of the outage has told of its end, and so has the worker.
sub redis_back {
    for my $log (qw(nginx-error worker-1)) {
        return 0 if log_count($s, $log, 'Redis is away') != log_count($s, $log, 'Redis is back');
    }
    return ready($s)->{status} == 200;
}

sub jobs_work {
    my ($job) = @_;
    for my $path ('/jobs', "/jobs/$job", '/users/me') {
        my $began = time;
        my $r = $s->req(GET => $path, token => $u->{token});
        return "$path: $r->{status} after " . (time - $began) if $r->{status} != 200 || time - $began > 1;
    }
    return '';
}

subtest 'stopped before a job comes' => sub {
    $s->stack(qw(stop redis));
    ok wait_until(sub { ready($s)->{status} == 503 }, 5), '/health/ready says no';
    my $r = ready($s);
    is $r->{json}{redis}, 'away', 'because of Redis';
    is $r->{json}{postgres}, 'ok', 'not of PostgreSQL';
    is $s->req(GET => '/health')->{status}, 200, '/health answers';

    my $began = time;
    $r = $s->req(POST => '/compositions', token => $u->{token}, json => film(asset => $asset, seconds => 4));
    is $r->{status}, 202, 'a job is taken as ever';
    cmp_ok time - $began, '<', 0.25, 'at once';
    my $job = $r->{json}{job_id};
    my $ws = $s->ws("/ws/progress/$job", token => $u->{token});
    is $ws->status, 101, 'it can be watched';
    is jobs_work($job), '', 'GET works';
    my ($code, @events) = watch($ws, 30);
    my $told = time;
    is $events[-1]{status}, 'completed', 'the WebSocket tells of the end' or diag explain \@events;
    is $code, 1000, 'and is closed';
    my $late = $told - $s->psql("SELECT extract(epoch FROM ended_at) FROM render.job WHERE id = '$job'");
    diag sprintf 'without Redis: done %.2f s after the request, told %.2f s after the end', $told - $began, $late;
    cmp_ok $late, '<', 4, 'a few seconds late';
    completed_once($s, $job, 'without Redis');
    film_is($s, $u, $job, 4, 'without Redis');
    is jobs_work($job), '', 'GET works still';

    $s->stack(qw(start redis));
    $began = time;
    ok wait_until(\&redis_back, 10), '/health/ready recovers in each process';
    diag sprintf 'nginx has Redis back after %.2f s', time - $began;
    ok wait_until(sub { $s->log('worker-1') =~ /Redis is back/ }, 10), 'so does the worker';
    for my $what ('Redis is away', 'Redis is back') {
        is log_count($s, 'nginx-error', "render: $what"), 2, "one line for each process of nginx: $what";
        is log_count($s, 'worker-1', $what), 1, "one of the worker: $what";
    }
    is $s->wait_job($u->{token}, submit($s, $u, film(seconds => 1)))->{status}, 'completed', 'jobs are done as before';
};

subtest 'killed and started in the middle of rendering' => sub {
    my $job = submit($s, $u, film(asset => $asset, seconds => 12));
    my $ws = $s->ws("/ws/progress/$job", token => $u->{token});
    mid_render($s, $job);
    my $events = background(sub { my @all = watch($ws, 40); JSON::PP->new->utf8->encode(\@all) });
    $s->stack(qw(kill redis));
    is jobs_work($job), '', 'GET works while it is away';
    $s->stack(qw(start redis));
    my $began = time;
    ok wait_until(\&redis_back, 10), 'nginx has it back';
    my ($code, @events) = @{ decode_json($events->()) };
    is $events[-1]{status}, 'completed', 'the same WebSocket tells of the end';
    is $events[-1]{percent}, 100, 'with 100 %';
    ok !grep({ $_->{percent} > 100 || $_->{percent} < 0 } @events), 'no event is out of range';
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'the job is completed';
    unlike task_rows($s, $job), qr/^\S+ \S+ [^1] /m, 'nothing was begun twice';
    completed_once($s, $job, 'killed Redis');
};

subtest 'emptied in the middle of rendering' => sub {
    my $lines = () = $s->log('worker-1') =~ /\n/g;
    my $job = submit($s, $u, film(asset => $asset, seconds => 11));
    my $ws = $s->ws("/ws/progress/$job", token => $u->{token});
    # Something must be done already, so that there is something to forget.
    wait_until(sub { $s->psql("SELECT count(*) FROM render.task WHERE job = '$job' AND kind = 'render_segment' AND status = 'done'") },
        60, 'the first segments');
    $s->redis('FLUSHALL');
    my $flushed = time;
    my $sql = $s->psql("SELECT render.percent(j) FROM render.job j WHERE id = '$job'");
    ok wait_until(sub { $s->redis('EXISTS', "progress:$job") }, 5, 'progress'), 'progress is written again';
    diag sprintf 'progress again %.2f s after FLUSHALL', time - $flushed;
    my $got = $s->req(GET => "/jobs/$job", token => $u->{token})->{json};
    cmp_ok $got->{progress}{percent}, '>=', $sql, 'and counts what was done before'
        or diag explain $got->{progress};
    my ($code, @events) = watch($ws, 40);
    my @after = grep { $_->{seen} > $flushed } @events;
    is $after[-1]{status}, 'completed', 'the WebSocket tells of the end';
    my ($last, $back) = (0, 0);
    for (grep { defined $_->{id} } @after) { $back++ if $_->{percent} < $last; $last = $_->{percent} }
    is $back, 0, 'progress does not run backwards after the flush' or diag explain [map { $_->{percent} } @after];
    completed_once($s, $job, 'FLUSHALL');

    # The worker hears the next bell at once, not by looking every few seconds.
    ok wait_until(sub { 9 == grep { $s->redis('EXISTS', $_) } @queues }, 10), 'the streams are there again'
        or diag $s->redis(qw(KEYS *));
    like $s->redis(qw(XINFO GROUPS), $queues[4]), qr/^workers$/m, 'with their group';
    my $began = time;
    is $s->wait_job($u->{token}, submit($s, $u, film(seconds => 1)))->{status}, 'completed', 'a job after the flush';
    cmp_ok time - $began, '<', 2, 'is begun by its bell';
    my $more = (() = $s->log('worker-1') =~ /\n/g) - $lines;
    cmp_ok $more, '<', 60, 'the worker\'s log is not flooded';
    cmp_ok log_count($s, 'worker-1', 'Redis lost its streams'), '<=', 10, 'the loss is told briefly';
};

subtest 'emptied while nothing happens' => sub {
    $s->redis('FLUSHALL');
    ok wait_until(sub { 9 == grep { $s->redis('EXISTS', $_) } @queues }, 10), 'the streams are made again' ;
    my $began = time;
    my $job = submit($s, $u, film(seconds => 1));
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'a job is done';
    cmp_ok time - $began, '<', 2, 'at once';
    is $s->redis('XPENDING', $queues[4], 'workers') =~ /^(\d+)/ && $1, 0, 'its bell was acknowledged';
    my $size = length $s->log('worker-1');
    my $until = time + 2;
    wait_until(sub { time > $until });
    cmp_ok length($s->log('worker-1')) - $size, '<', 500, 'and then the worker is silent';
};

subtest 'a lost bell' => sub {
    # The entry is taken away before the worker can hear it: PostgreSQL knows better.
    my ($worker) = $s->worker_pids;
    kill STOP => $worker;
    my $job = submit($s, $u, film(seconds => 1));
    $s->redis('DEL', @queues);
    kill CONT => $worker;
    my $began = time;
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'the job is done all the same';
    diag sprintf 'a job without a bell is done after %.2f s', time - $began;
    cmp_ok time - $began, '<', 5, 'soon';
};

subtest 'hanging' => sub {
    my $job = submit($s, $u, film(asset => $asset, seconds => 3));
    mid_render($s, $job);
    open my $in, '<', $s->home . '/run/redis.pid' or die $!;
    chomp(my $pid = <$in>);
    kill STOP => $pid;
    is jobs_work($job), '', 'GET works, within a second';
    my $began = time;
    my $r = $s->req(POST => '/compositions', token => $u->{token}, json => film(seconds => 1));
    is $r->{status}, 202, 'jobs are taken';
    cmp_ok time - $began, '<', 0.25, 'at once';
    ok eval { wait_until(sub { $s->psql("SELECT status FROM render.job WHERE id = '$job'") eq 'completed' }, 20) },
        'and done';
    ok eval { wait_until(sub { $s->psql("SELECT status FROM render.job WHERE id = '$r->{json}{job_id}'") eq 'completed' }, 20) },
        'the new one too';
    kill CONT => $pid;
    ok wait_until(\&redis_back, 20), 'nginx is ready afterwards';
    is $s->wait_job($u->{token}, submit($s, $u, film(seconds => 1)))->{status}, 'completed', 'jobs are done as before';
    unlike task_rows($s, $job), qr/^\S+ \S+ [^1] /m, 'the worker kept its lease';
};

$s->stop;
done_testing;
