# What a job tells while it is rendered, over WebSocket and server-sent events: a client that
# loses its connection again and again misses no event and sees none twice, on whichever of the
# two it comes back; who is slow gets the newest state; who comes back after the end is told so.

use strict;
use warnings;

use lib 't/lib';
use IO::Select;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Render::Test;
use Render::Test::Faults;
use Test::More;
use Time::HiRes qw(time);

my $s = Render::Test->start(workers => 1, slots => 1, http_conf => 'render_bcrypt_cost 5;');
my $u = $s->signup;
my $token = $u->{token};
my $asset = heavy_asset($s, $u, 20);

# Ids of the job's stream in Redis, in order
sub stream {
    my ($job) = @_;
    return grep {/\A\d+-\d+\z/} split /\n/, $s->redis('XRANGE', "events:$job", '-', '+');
}

sub ids_ordered {
    my @id = map { my ($ms, $n) = /\A(\d+)-(\d+)\z/; $ms * 1e4 + $n } @_;
    return !grep { $id[$_] <= $id[$_ - 1] } 1 .. $#id;
}

subtest 'fifty lost connections' => sub {
    my $job = submit($s, $u, film(asset => $asset, seconds => 20));
    my $seed = $ENV{RENDER_SEED} || int(time * 1000) % 1e6;
    srand $seed;
    note "RENDER_SEED=$seed";

    my ($last, $drops, $final) = ('0', 0);
    my (@seen, %by);
    my $until = time + 120;

    while (!$final && time < $until) {
        my $how = rand() < 0.5 ? 'ws' : 'sse';
        my $stay = $drops < 50 ? time + rand 0.25 : $until;
        my $take = $drops < 50 ? int rand 6 : 1e6;      # and not always all that is there
        my $path = $how eq 'ws' ? "/ws/progress/$job?last_event_id=$last" : "/jobs/$job/events";
        my $c = $how eq 'ws' ? $s->ws($path, token => $token)
            : $s->sse($path, token => $token, headers => { 'Last-Event-ID' => $last });
        my $got = 0;

        while ($got < $take && time < $stay) {
            my $doc;
            if ($how eq 'ws') {
                my $m = $c->next_message($stay - time) or last;
                last if $m->{opcode} == Render::Test::WS::CLOSE;
                $doc = decode_json($m->{payload});
            }
            else {
                my $e = $c->next_event($stay - time) or last;
                $doc = decode_json($e->{data});
                is $e->{id}, $doc->{id}, 'its id is that of the event' if $e->{id} ne $doc->{id};
                is $e->{event}, $doc->{type}, 'its name is the type' if $e->{event} ne $doc->{type};
            }
            $got++;
            push @seen, $doc;
            $last = $doc->{id};
            $final = $doc if $doc->{type} eq 'done';
        }

        if (!$final) { $drops++; $by{$how}++ }
        $how eq 'sse' ? $c->close(rand() < 0.5) : $c->close;
    }

    my @got = map { $_->{id} } @seen;
    my @sent = stream($job);
    my %count;
    $count{$_}++ for @got;

    ok $final, 'the job was seen to its end';
    cmp_ok $drops, '>=', 50, "after $drops lost connections ($by{ws} WebSocket, $by{sse} SSE)";
    cmp_ok scalar @sent, '<', 256, 'the stream was not trimmed meanwhile';
    is scalar(grep { !$count{$_} } @sent), 0, 'of ' . @sent . ' events none was missed';
    is scalar(grep { $_ > 1 } values %count), 0, 'none was seen twice';
    is_deeply \@got, \@sent, 'and they came in order';
    ok ids_ordered(@got), 'of their ids';
    my @percent = map { $_->{percent} } @seen;
    ok !(grep { $percent[$_] < $percent[$_ - 1] } 1 .. $#percent), 'percent never ran back';
    diag "$drops drops, " . @got . ' events, none missing, none twice';
};

# a job that waits, and one that has ended

$s->stack(qw(stop worker));
my $waiting = submit($s, $u, film(asset => $asset, seconds => 4));

subtest 'the state first' => sub {
    my $sse = $s->sse("/jobs/$waiting/events", token => $token);
    is $sse->status, 200, 'a stream';
    is $sse->headers->{'content-type'}, 'text/event-stream', 'of events';
    is $sse->headers->{'cache-control'}, 'no-cache, no-transform', 'that nobody keeps or changes';
    is $sse->headers->{'x-accel-buffering'}, 'no', 'or holds back';
    ok length $sse->headers->{'x-request-id'}, 'with the id of the request';
    is $sse->next_block(5)->{retry}, 2000, 'when to come back';
    my $e = $sse->next_event(5);
    is $e->{event}, 'snapshot', 'first the state';
    is $e->{id}, undef, 'which is no event';
    my $doc = decode_json($e->{data});
    is $doc->{status}, 'queued', 'as it is';
    is $doc->{job_id}, $waiting, 'of this job';
    my $new = decode_json($sse->next_event(5)->{data});
    is $new->{id}, (stream($waiting))[-1], 'then the newest event, from which one can go on';
    is $sse->next_event(0.3), undef, 'then nothing';
    is $s->req(POST => "/jobs/$waiting/cancel", token => $token)->{status}, 200, 'it is cancelled';
    $e = $sse->next_event(5);
    is $e->{event}, 'done', 'which is told';
    is decode_json($e->{data})->{status}, 'cancelled', 'as it is';
    ok !$sse->next_block(5), 'and ends';
    ok $sse->ended, 'the stream';

    my $back = $s->sse("/jobs/$waiting/events", token => $token, headers => { 'Last-Event-ID' => $e->{id} });
    is $back->status, 204, 'who comes back is told to stay away';
    my @ids = stream($waiting);
    $back = $s->sse("/jobs/$waiting/events", token => $token, headers => { 'Last-Event-ID' => $ids[-2] });
    is $back->status, 200, 'who had not seen the end';
    is $back->next_event(5)->{id}, $ids[-1], 'is told of it';
    my $late = $s->sse("/jobs/$waiting/events", token => $token);
    $e = $late->next_event(5);
    is $e->{event}, 'snapshot', 'who was not there is told the state';
    is $e->{id}, 'end-1', 'with a mark';
    $back = $s->sse("/jobs/$waiting/events", token => $token, headers => { 'Last-Event-ID' => 'end-1' });
    is $back->status, 204, 'by which the next visit ends';

    my $ws = $s->ws("/ws/progress/$waiting?last_event_id=$ids[-1]", token => $token);
    is decode_json($ws->next_message(5)->{payload})->{type}, 'snapshot', 'a WebSocket is told the state';
    is $ws->next_message(5)->{code}, 1000, 'and closed';
};

subtest 'ids that are none' => sub {
    my $job = submit($s, $u, film(asset => $asset, seconds => 4));
    for my $id ('x', '-', '1-', '-1', '1-2-3', '9' x 40, '%00', "1'") {
        my $sse = $s->sse("/jobs/$job/events?last_event_id=$id", token => $token);
        is $sse->next_event(5)->{event}, 'snapshot', "\"$id\" is as if there were none";
        $sse->close;
    }
    my $sse = $s->sse("/jobs/$job/events?last_event_id=99999999999999-0", token => $token);
    is $sse->next_event(0.3), undef, 'one of the future: nothing is missed';
    is $s->sse('/jobs/00000000-0000-4000-8000-000000000000/events', token => $token)->status, 404, 'no job, no stream';
    is $s->sse("/jobs/$job/events")->status, 401, 'nor for strangers';
    is $s->sse("/jobs/$job/events", token => $s->signup->{token})->status, 404, 'nor for others';
    my $r = $s->req(HEAD => "/jobs/$job/events", token => $token);
    is $r->{headers}{'content-type'}, 'text/event-stream', 'HEAD shows the header alone';
    $s->req(POST => "/jobs/$job/cancel", token => $token);
};

subtest 'all of mine' => sub {
    my $one = submit($s, $u, film(asset => $asset, seconds => 4));
    my $ws = $s->ws('/ws/progress', token => $token);
    is $ws->status, 101, 'one socket for all jobs';
    my $doc = decode_json($ws->next_message(5)->{payload});
    is "$doc->{type} $doc->{job_id}", "snapshot $one", 'tells what lives';
    my $other = $s->signup;
    my $theirs = submit($s, $other, film(seconds => 4));
    my $two = submit($s, $u, film(asset => $asset, seconds => 5));
    do { $doc = decode_json($ws->next_message(5)->{payload}) } while $doc->{job_id} eq $one;   # which goes on
    is $doc->{job_id}, $two, 'and what begins, of mine alone';
    $s->req(POST => "/jobs/$_", token => $token) for "$one/cancel", "$two/cancel";
    my %ended;
    while (keys %ended < 2 and my $m = $ws->next_message(5)) {
        $doc = decode_json($m->{payload});
        $ended{ $doc->{job_id} } = $doc->{status} if $doc->{type} eq 'done';
    }
    is_deeply \%ended, { $one => 'cancelled', $two => 'cancelled' }, 'and what ends';
    # After a silence SQL is asked for what ended in its last seconds, whoever was told: a state, not an event.
    my @other;
    while (my $m = $ws->next_message(0.3)) {
        my $again = $m->{opcode} == Render::Test::WS::TEXT ? decode_json($m->{payload}) : {};
        push @other, $m->{payload}
            unless ($again->{type} || '') eq 'snapshot' && $again->{status} eq 'cancelled' && $again->{job_id} ne $theirs;
    }
    is_deeply \@other, [], 'nothing else is told';
    ok !$ws->eof, 'it stays open';
    my $since = int(time * 1000) - 60_000;
    my $again = $s->ws("/ws/progress?last_event_id=$since-0", token => $token);
    my %told;
    while (my $m = $again->next_message(1)) { $doc = decode_json($m->{payload}); $told{ $doc->{job_id} } = $doc->{status} }
    is $told{$one}, 'cancelled', 'who was away hears of what ended meanwhile';
    is $told{$theirs}, undef, 'not of others';
    is $s->ws('/ws/progress')->status, 401, 'strangers have no jobs';
};

subtest 'without Redis' => sub {
    my $job = submit($s, $u, film(asset => $asset, seconds => 4));
    my $sse = $s->sse("/jobs/$job/events", token => $token);
    is $sse->next_event(5)->{event}, 'snapshot', 'a stream is there';
    my $all = $s->ws('/ws/progress', token => $token);
    ok $all->next_message(5), 'and a socket for all';
    $s->stack(qw(stop redis));
    ok wait_until(sub { ready($s)->{status} == 503 }, 10), 'Redis goes';
    my $new = $s->sse("/jobs/$job/events", token => $token, headers => { 'Last-Event-ID' => '1-0' });
    is $new->next_event(5)->{event}, 'snapshot', 'who comes is told the state';
    is $s->req(POST => "/jobs/$job/cancel", token => $token)->{status}, 200, 'the job ends';
    my $e;
    for (1 .. 3) { $e = $sse->next_event(10); last if !$e || decode_json($e->{data})->{status} eq 'cancelled' }
    is decode_json($e->{data})->{status}, 'cancelled', 'PostgreSQL tells it';
    ok !$sse->next_block(5), 'and the stream ends';
    my $m;
    my $until = time + 10;
    while (time < $until && ($m = $all->next_message(10))) {
        last if decode_json($m->{payload})->{status} eq 'cancelled';
    }
    ok $m, 'so the socket for all is told';
    $s->stack(qw(start redis));
    ok wait_until(sub { ready($s)->{status} == 200 }, 15), 'Redis is back';
};

subtest 'a reload' => sub {
    my $job = submit($s, $u, film(asset => $asset, seconds => 4));
    my $sse = $s->sse("/jobs/$job/events?last_event_id=0", token => $token);
    my $id = $sse->next_event(5)->{id};
    $s->reload;
    my $block = $sse->next_block(5);
    is $block->{retry}, 500, 'come back soon';
    ok !$sse->next_block(5), 'the stream ends';
    ok $sse->ended, 'as streams end';
    my $back = $s->sse("/jobs/$job/events", token => $token, headers => { 'Last-Event-ID' => $id });
    $s->req(POST => "/jobs/$job/cancel", token => $token);
    # A process that has just begun may have no link to Redis yet: then it is PostgreSQL that tells.
    my $told;
    while (my $e = $back->next_event(20)) { $told = decode_json($e->{data})->{status} }
    is $told, 'cancelled', 'and goes on to the end';
};

# A process that ends at once, while clients are being told what they have missed.

subtest 'a fast exit' => sub {
    my $job = submit($s, $u, film(seconds => 1));
    is $s->req(POST => "/jobs/$job/cancel", token => $token)->{status}, 200, 'a job has ended';
    my $last;
    ok wait_until(sub { $last = (stream($job))[-1] }, 10), 'which was told';
    my $doc = qq({"job_id":"$job","run":1,"type":"progress","status":"queued","percent":0});
    my ($code) = Render::Test::_run({ stdin => "XADD events:$job * doc '$doc'\n" x 20_000 }, 'redis-cli', '-p',
        Render::Test::_line($s->home . '/redis/port'));
    is $code, 0, 'a long stream of events';
    my $readers = IO::Select->new;
    for (1 .. 20) {
        my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $s->port, Proto => 'tcp') or die "connect: $@";
        print {$c} "GET /jobs/$job/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nLast-Event-ID: $last\r\n\r\n";
        $readers->add($c);
    }
    my ($redis, @old) = (Render::Test::_line($s->home . '/run/redis.pid'), nginx_workers($s));
    # All is read as it comes; it stops coming when Redis is asked for the next page, and answers not.
    my $n = 0;
    my $drain = sub {
        my ($enough) = @_;
        while ($n < $enough and my @ready = $readers->can_read(0.1)) {
            for my $c (@ready) { sysread $c, my $text, 65_536 or $readers->remove($c); $n += length($text // '') }
        }
    };
    $drain->(500_000);
    cmp_ok $n, '>=', 500_000, 'readers go on from the last they saw';
    freeze($redis);
    $drain->(1e9);
    kill TERM => @old;
    my %old = map { $_ => 1 } @old;
    ok wait_until(sub { my @now = nginx_workers($s); @now && !grep { $old{$_} } @now }, 10), 'others take over';
    thaw($redis);
    ok wait_until(sub { ready($s)->{status} == 200 }, 15), 'and serve';
};

# A rate for downloads holds for streams as well: it delays, and stops nothing.

subtest 'behind limit_rate' => sub {
    $s->conf(extra => 'location /slow/ { render_api all; render_prefix /slow; limit_rate 4k; }');
    $s->reload;
    ok wait_until(sub { $s->req(GET => '/slow/health')->{status} == 200 }, 10), 'a location with a rate';
    my $job = submit($s, $u, film(asset => $asset, seconds => 4));
    my $sse = $s->sse("/slow/jobs/$job/events", token => $token);
    is $sse->next_event(5)->{event}, 'snapshot', 'the state';
    $s->req(POST => "/jobs/$job/cancel", token => $token);
    my $began = time;
    my $e;
    while ($e = $sse->next_event(10)) { last if decode_json($e->{data})->{status} eq 'cancelled' }
    ok $e, 'and the end';
    cmp_ok time - $began, '<', 8, 'as it comes';
    $s->conf('extra');
    $s->reload;
};

# What a reader that does not read costs, and what it is told at last.

subtest 'a slow reader' => sub {
    my $job = submit($s, $u, film(asset => $asset, seconds => 4));
    my $account = $u->{account}{id};
    my $slow = $s->sse("/jobs/$job/events", token => $token);
    $slow->next_event(5) for 1 .. 2;
    my $long = 'x' x 3000;
    for my $n (1 .. 4000) {
        my $doc = qq({"id":"@{[ 9_000_000_000_000 + $n ]}-0","job_id":"$job","run":1,"type":"progress","status":"queued",)
            . qq("class":"json2video","stage":"$long","step":null,"percent":0,"eta_s":null,"preview_url":null,)
            . qq("blurhash":null,"error":null,"at":"2026-01-01T00:00:00.000Z"});
        push @{ $slow->{commands} }, "PUBLISH job:$job '$doc'";
    }
    my ($code, $out) = Render::Test::_run({ stdin => join("\n", @{ $slow->{commands} }) . "\n" }, 'redis-cli', '-p',
        Render::Test::_line($s->home . '/redis/port'));
    is $code, 0, '12 MB of events';
    is $s->req(GET => "/jobs/$job", token => $token)->{status}, 200, 'others are served';
    my ($n, $newest) = (0);
    while (my $e = $slow->next_event(5)) {
        $n++;
        $newest = $e->{id};
        last if defined $newest && $newest eq '9000000004000-0';
    }
    cmp_ok $n, '<', 4000, "of 4000 it is told $n";
    is $newest, '9000000004000-0', 'and the newest';
    $s->req(POST => "/jobs/$job/cancel", token => $token);
};

$s->stop;
done_testing;
