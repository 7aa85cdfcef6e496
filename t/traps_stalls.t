# What becomes of bytes that a client does not take yet, and of much that is told at once
# (docs/traps.md): windows of HTTP/2 that stay shut, streams that are reset while they are sent,
# writes that TLS wants to be tried again, looks at an account and bursts for hundreds who listen.

use strict;
use warnings;

use lib 't/lib';
use File::Temp qw(tempdir);
use IO::Handle;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use POSIX ();
use Socket qw(SO_RCVBUF SOL_SOCKET);
use Test::More;
use Time::HiRes qw(time);

use Render::Test;
use Render::Test::Daemon;
use Render::Test::Events;
use Render::Test::Faults;
use Render::Test::H2;

$SIG{PIPE} = 'IGNORE';    # a connection that breaks is to be reported
my $crowd = 500;    # who listen: few enough for a limit of 1024 descriptors

my $dir = tempdir('render-stalls-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $made_key = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -keyout '$dir/tls.key' -out '$dir/tls.crt' 2>&1`;
BAIL_OUT("openssl: $made_key") if $?;

my ($h2, $tls) = map { free_port() } 1, 2;
my $s = Render::Test->start(worker => 0, nginx_workers => 1, http_conf => 'render_bcrypt_cost 4;');
my $u = $s->signup;
my $token = $u->{token};
# Of what it sends, the kernel takes little.
my $nginx = Render::Test::Daemon->start($s, main => ["    server {\n" => <<"SERVERS" . "    server {\n"]);
    server {
        listen 127.0.0.1:$h2 http2 sndbuf=8k;
        http2_chunk_size 64k;
        location / { render_api all; }
    }
    server {
        listen 127.0.0.1:$tls ssl sndbuf=8k;
        ssl_certificate $dir/tls.crt;
        ssl_certificate_key $dir/tls.key;
        location / { render_api all; }
    }
SERVERS
my $events = Render::Test::Events->new($s);
my $bearer = { Authorization => "Bearer $token" };

sub job { return submit($s, $u, film(seconds => 1)) }
sub ws { return Render::Test::WS->connect('127.0.0.1', $nginx->port, $_[0], $bearer) }
sub newest { my ($job) = @_; $events->collect($job); return $events->ids->{$job}[-1] }

# The sum of all samples of that name, with these labels
sub metric {
    my ($name) = @_;
    my $sum = 0;
    $sum += $_ for ($nginx->request(GET => '/metrics'))[1] =~ /^\Q$name\E(?:\{[^}]*\})? (\S+)$/mg;
    return $sum;
}

my %told;

# Events of that many bytes and more, each with its number and all of one letter
sub inform {
    my ($job, $letter, $n, $size) = @_;
    $events->tell($job, stage => $letter x $size . sprintf '%05d', ++$told{$job}) for 1 .. $n;
}

# numbers($text, $letter, $size): of the events in a stream of them, which may end within one; or
# what is wrong with it. Every byte is looked at.
sub numbers {
    my ($text, $letter, $size) = @_;
    my @numbers;
    $text =~ s/\Aretry: \d+\n\n// or return "begins with " . substr $text, 0, 40;
    while ($text =~ s/\A(.*?)\n\n//s) {
        my $block = $1;
        next if $block eq ':';
        my ($id, $doc) = $block =~ /\A(?:id: (\d+-\d+)\n)?event: \w+\ndata: (\{.*\})\z/ or return 'a block that is none: ' . substr $block, 0, 60;
        my $event = eval { decode_json($doc) } or return "no JSON: $@";
        return 'another id than that of the event' if ($id // '') ne ($event->{id} // '');
        next if ($event->{stage} // 'plan') eq 'plan';     # the state, and what the job itself has told
        $event->{stage} =~ /\A\Q$letter\E{$size}(\d{5})\z/ or return "another's bytes: " . substr $event->{stage}, 0, 40;
        push @numbers, $1 + 0;
    }
    $text =~ /\A(?:id: [\d-]*(?:\nevent: \w*(?:\ndata: (?:\{[^\n]*)?)?)?|[id:eventa \n]{0,6})\z/ or return 'odd bytes at the end: ' . substr $text, 0, 60;
    $text =~ /"stage":"\Q$letter\E*(?:\d{0,5}|\d{5}".*)\z/ or return "another's bytes at the end" if $text =~ /"stage":"(?!plan")/;
    return \@numbers;
}

subtest 'a window that is shut' => sub {
    my $job = job();
    my $c = Render::Test::H2->connect($h2, window => 100);
    my $stream = $c->get("/jobs/$job/events", %$bearer);
    ok $c->until(sub { length $c->data($stream) == 100 }, 5), 'of the state comes what the window takes';
    my $before = metric('render_events_delivered_total');
    inform($job, 'w', 20, 500);
    ok wait_until(sub { metric('render_events_delivered_total') - $before >= 20 }, 5), 'events come meanwhile';
    is $c->pump(0.1), 0, 'and none of them is sent';
    # Little by little, and more are told in between.
    for my $step (1 .. 60) {
        $c->widen($stream, 97);
        inform($job, 'w', 1, 500) if $step % 4 == 0;
        $c->pump(0.02);
    }
    $c->widen($stream, 1_000_000);
    my $last = newest($job);
    ok $c->until(sub { $c->data($stream) =~ /^id: \Q$last\E\n.*\n\n\z/ms }, 5), 'the newest comes when it is opened';
    my $got = numbers($c->data($stream), 'w', 500);
    is ref $got, 'ARRAY', 'every byte is what it was' or diag $got;
    is_deeply $got, [1 .. 35], 'each event, once, in order';
    $c->close;
};

# nginx takes frames of a stream that is reset out of its queue, save the one of which the socket
# has a part. So each has a connection of its own, and its frame is as large as can be.
subtest 'streams that are reset while they are sent' => sub {
    my @jobs = map { job() } 1, 2;
    my $n = 8;
    my $listen = sub {
        my ($job) = @_;
        my $c = Render::Test::H2->connect($h2, window => 1500, frame => 65_536, rcvbuf => 4096);
        my $stream = $c->get("/jobs/$job/events", %$bearer);
        die "no state\n" unless $c->until(sub { $c->data($stream) =~ /^data: .*\n\n/m }, 10);
        return [$c, $stream];
    };
    my ($reset, $other) = map { my $job = $_; [map { $listen->($job) } 1 .. $n] } @jobs;
    my $gather = sub {
        my ($job, $letter) = @_;
        my $before = metric('render_events_delivered_total');
        inform($job, $letter, 30, 500);
        wait_until(sub { metric('render_events_delivered_total') - $before >= 30 * $n }, 10, "events $letter");
    };
    $gather->($jobs[0], 'a');
    my $more = 0;
    for (@$reset) {
        my ($c, $stream) = @$_;
        # What had been told at first goes, so that what has gathered behind it is sent next.
        $c->widen($stream, 2000);
        ok $c->until(sub { length $c->data($stream) == 3500 }, 5), 'a part is sent, as the window says';
        # All of it may be sent now, and nobody reads.
        $c->widen($stream, 1_000_000);
        $c->reset($stream);
        $more -= length $c->data($stream);
    }
    ok wait_until(sub { metric('render_sse_connections') == $n }, 5), 'reset while it is sent';
    # What was theirs goes to others, if it was let go too early.
    $gather->($jobs[1], 'b');
    my @wrong;
    for (@$reset) {
        my ($c, $stream) = @$_;
        $c->until(sub { length $c->data($stream) > 3500 }, 5);
        $more += length $c->data($stream);
        my $got = numbers($c->data($stream), 'a', 500);
        push @wrong, $got unless ref $got;
    }
    cmp_ok $more, '>', $n * 10_000, "$more bytes were under way";
    is "@wrong", '', 'they are those of the streams that were reset';
    $_->[0]->close for @$reset, @$other;
};

# ---------------------------------------------------------------- TLS

# wire($port): TLS, which openssl speaks for us, and a pipe: after an 'm' in that, what nginx says is
# not read any more, until an 'r'. What we say is passed on all the time. And what to end.
sub wire {
    my ($to) = @_;
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) or die "listen: $@";
    pipe my $hear, my $say or die "pipe: $!";
    socketpair my $ours, my $theirs, Socket::PF_UNIX(), Socket::SOCK_STREAM(), 0 or die "socketpair: $!";
    my $passes = fork // die "fork: $!";
    if (!$passes) {
        my $ok = eval { _pass($listen, $hear, $to, $say, $ours, $theirs); 1 };
        print STDERR $@ unless $ok;
        POSIX::_exit(0);
    }
    my $speaks = fork // die "fork: $!";
    if (!$speaks) {
        open STDIN, '<&', $theirs;
        open STDOUT, '>&', $theirs;
        open STDERR, '>', '/dev/null';
        close $_ for $ours, $say;
        exec qw(openssl s_client -quiet -connect), '127.0.0.1:' . $listen->sockport or POSIX::_exit(127);
    }
    close $_ for $theirs, $hear, $listen;
    return ($ours, $say, $passes, $speaks);
}

sub _pass {
    my ($listen, $hear, $to, @not_ours) = @_;
    close $_ for @not_ours;
    my $client = $listen->accept or die "accept: $!";
    socket my $server, Socket::PF_INET(), Socket::SOCK_STREAM(), 0 or die "socket: $!";
    setsockopt $server, SOL_SOCKET, SO_RCVBUF, 4096;
    connect $server, Socket::pack_sockaddr_in($to, Socket::inet_aton('127.0.0.1')) or die "connect: $!";
    my ($mute, $held) = (0, '');
    $server->blocking(0);
    local $SIG{PIPE} = 'IGNORE';
    while (1) {
        my ($read, $write) = ('', '');
        vec($read, $_, 1) = 1 for fileno $hear, fileno $client, $mute ? () : fileno $server;
        vec($write, fileno $server, 1) = 1 if length $held;
        next if select($read, $write, undef, undef) < 0;
        if (vec $read, fileno $hear, 1) {
            sysread $hear, my $word, 1 or return;
            $mute = $word eq 'm';
        }
        if (vec $read, fileno $client, 1) {
            sysread $client, $held, 65_536, length $held or return;
        }
        if (vec $write, fileno $server, 1) {
            my $n = syswrite $server, $held;
            return if !defined $n && !$!{EAGAIN};
            substr $held, 0, $n // 0, '';
        }
        if (!$mute && vec $read, fileno $server, 1) {
            my $n = sysread $server, my $text, 65_536;
            return unless $n;
            for (my $at = 0; $at < $n;) { $at += syswrite($client, $text, $n - $at, $at) || return }
        }
    }
}

subtest 'a write that TLS wants again' => sub {
    my $job = job();
    for my $round (1 .. 3) {
        my ($socket, $say, @pids) = wire($tls);
        my $ws = Render::Test::WS->connect('127.0.0.1', $tls, "/ws/progress/$job", $bearer, socket => $socket);
        is $ws->status, 101, "round $round: over TLS";
        my $first = $ws->next_message(5);
        like $first->{payload}, qr/"type":"snapshot"/, 'the state';
        syswrite $say, 'm';
        # Many in each record, of many lengths. Nothing else is to be sent, so that it is one of
        # their answers that the socket refuses, with more of them behind it.
        my ($pings, $said) = (4000, '');
        $said .= Render::Test::WS::frame(Render::Test::WS::PING, $_ . '.' x ($_ % 17), 1) for 1 .. $pings;
        $ws->send_raw($said);
        # Events are for behind it.
        my $before = metric('render_events_delivered_total');
        $events->tell($job, stage => "round $round.$_") for 1 .. 3;
        my $last = newest($job);
        ok eval { wait_until(sub { metric('render_events_delivered_total') - $before >= 3 }, 5) }, 'events come meanwhile';
        syswrite $say, 'r';
        my (@pongs, @told);
        my $until = time + 10;
        my $ended = eval {
            while (my $f = $ws->next_frame($until - time)) {
                push @pongs, $f->{payload} if $f->{opcode} == Render::Test::WS::PONG;
                push @told, decode_json($f->{payload})->{id} if $f->{opcode} == Render::Test::WS::TEXT;
                last if @told >= 3 && @pongs && $pongs[-1] =~ /\A$pings\b/;
            }
            return 1;
        };
        ok $ended, 'every frame is whole' or diag $@;
        ok !$ws->eof, 'on a connection that holds';
        my @numbers = map { /\A(\d+)(\.*)\z/ && length $2 == $1 % 17 ? $1 : "odd: $_" } @pongs;
        is_deeply \@numbers, [sort { $a <=> $b } grep {/\A\d+\z/} @numbers], 'answers are those to our pings, in order';
        is $numbers[-1], $pings, 'to the last';
        cmp_ok scalar @pongs, '<', $pings, scalar(@pongs) . " answers: it did not take them for a while";
        is $told[-1], $last, 'and the newest event';
        kill KILL => @pids;
        waitpid $_, 0 for @pids;
    }
};

# ---------------------------------------------------------------- many who listen

subtest 'looks at an account' => sub {
    my $n = 100;
    # Nobody else asks for states meanwhile.
    my $looks = sub { metric_of(qr/^render_pg_query_duration_seconds_count\{op="jobs_snapshot"\} (\d+)$/m) };
    my @open = map { ws('/ws/progress') } 1 .. $n;
    ok wait_until(sub { metric('render_ws_connections') == $n }, 5), "$n listen to one account";
    my $job = job();
    my $told = sub { my ($what) = @_; return grep { my $ws = $_; !heard($ws, $what) } @open };
    is scalar($told->(qr/"job_id":"$job"/)), 0, 'each is told of a job';

    my $before = $looks->();
    $events->call(qw(CLIENT KILL TYPE pubsub));
    # To have subscribed again is to have looked: what ends meanwhile is told by that look, too.
    $s->req(POST => "/jobs/$job/cancel", token => $token);
    is scalar($told->(qr/"job_id":"$job".*"status":"cancelled"/)), 0, 'the link to Redis is lost and back: each is told of the end';
    my $made = $looks->() - $before;
    cmp_ok $made, '>', 0, 'SQL was looked at';
    cmp_ok $made, '<=', 5, "for all of them together: $made times";

    # While one cannot go on there is no other, for all who come meanwhile.
    my $lock = background(sub { eval { $s->psql("BEGIN; LOCK TABLE render.job IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)") }; '' });
    my $waiting = sub { my ($who) = @_; $s->psql("SELECT count(*) FROM pg_stat_activity WHERE $who") };
    wait_until(sub { $waiting->("wait_event = 'PgSleep'") }, 5, 'the lock');
    $before = $looks->();
    push @open, ws('/ws/progress') for 1 .. 20;
    ok wait_until(sub { $waiting->("application_name = 'nginx-render' AND wait_event_type = 'Lock'") }, 5), 'a look has to wait';
    $s->psql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    $lock->();
    $job = job();
    is scalar($told->(qr/"job_id":"$job"/)), 0, 'each is told of another job';
    $made = $looks->() - $before;
    cmp_ok $made, '<=', 5, "for twenty more: $made times";
    close $_->socket for @open;
};

# Whether that comes to it in time
sub heard {
    my ($ws, $what, $timeout) = @_;
    my $until = time + ($timeout || 5);
    while (my $m = $ws->next_message($until - time)) { return 1 if $m->{payload} =~ $what }
    return 0;
}

# The most memory that the process ever had, in kB
sub peak {
    my ($pid) = $nginx->workers($nginx->master, 1);
    return Render::Test::_read("/proc/$pid/status") =~ /^VmHWM:\s+(\d+)/m ? $1 : 0;
}

sub metric_of { my ($like) = @_; return ($nginx->request(GET => '/metrics'))[1] =~ $like ? $1 : 0 }

subtest 'a burst for a crowd' => sub {
    my $job = job();
    # A turn hands on what makes 4096 deliveries, and begins nothing then: so many at the most.
    my $turn = 4096 + $crowd;
    my @open = map { ws("/ws/progress/$job") } 1 .. $crowd;
    ok wait_until(sub { metric('render_ws_connections') == $crowd }, 10), "$crowd listen to one job";
    my $last = do { $events->tell($job); newest($job) };
    is scalar(grep { !heard($_, qr/"id":"\Q$last\E"/) } @open), 0, 'all of them are live';
    my $burst = sub {
        my ($n, $size) = @_;
        # No progress, of which all but the newest is left out then
        $events->call('EVAL', <<'LUA', 0, "job:$job", $n, $job, 'x' x $size);
for i = 1, tonumber(ARGV[2]) do
    redis.call("publish", ARGV[1], string.format('{"id":"4000000000000-%d","job_id":"%s","run":1,"type":"preview",'
        .. '"status":"processing","class":"json2video","stage":"%s","step":null,"percent":0,"eta_s":null,"preview_url":null,'
        .. '"blurhash":null,"error":null,"at":"2026-01-01T00:00:00.000Z"}', i, ARGV[3], ARGV[4]))
end
LUA
    };
    # On one connection, which is asked again as soon as it has answered
    my $asks = $nginx->dial;
    my $delivered = sub {
        $nginx->ask($asks, GET => '/metrics', headers => { Connection => 'keep-alive' });
        my ($status, $text) = Render::Test::Daemon::answer($asks);
        return $text =~ /^render_events_delivered_total\{[^}]*ws[^}]*\} (\d+)$/m ? $1 : die "$status $text\n";
    };
    my ($n, %seen) = (200);
    my $before = $delivered->();
    $burst->($n, 1);
    my $until = time + 20;
    while (time < $until) {
        my $now = $delivered->() - $before;
        $seen{$now}++;
        last if $now >= $n * $crowd;
    }
    ok $seen{ $n * $crowd }, "each of $n events is told to each";
    my @between = sort { $a <=> $b } grep { $_ > 0 && $_ < $n * $crowd } keys %seen;
    my $turns = int($n * $crowd / $turn);
    diag sprintf 'asked at %d moments of a burst of some %d turns', scalar @between, $turns;
    cmp_ok scalar @between, '>=', 5, 'others are answered in the midst of it';
    is scalar(grep { !heard($_, qr/"id":"4000000000000-$n"/) } @open), 0, 'who listen have all of it';

    # Far more than is told in these turns: Redis keeps what nginx has no room for.
    my ($many, $turns_of_it) = (60_000, 20);
    my $peak = peak();
    $before = $delivered->();
    $burst->($many, 1);
    wait_until(sub { $delivered->() - $before > $turns_of_it * $turn }, 20, 'some turns');
    my ($grown, $bytes) = (peak() - $peak, 300 * $many);
    diag sprintf '%d kB of events took %d kB of memory', $bytes / 1024, $grown;
    SKIP: {
        skip 'AddressSanitizer keeps what was freed', 1 if $ENV{RENDER_ASAN};
        cmp_ok $grown, '<', $bytes / 1024 / 2, 'it has not read them all';
    }
    $asks->close;
    close $_->socket for @open;
    my $other = job();
    my $ws = ws("/ws/progress/$other");
    $ws->next_message(5) for 1, 2;
    $events->tell($other);
    $last = newest($other);
    ok heard($ws, qr/"id":"\Q$last\E"/, 10), 'when they have gone, it reads on';
    $ws->close;
};

ok $nginx->stop, 'nginx quits';
$s->stop;
done_testing;
