# What goes wrong between Redis and those who listen (docs/traps.md): bursts, a link that is dead and
# says nothing, one who comes as another leaves, many who never read.

use strict;
use warnings;

use lib 't/lib';
use IO::Select;
use JSON::PP qw(decode_json encode_json);
use Render::Test;
use Render::Test::Crowd;
use Render::Test::Daemon;
use Render::Test::Events;
use Render::Test::Faults;
use Render::Test::Wire;
use Test::More;
use Time::HiRes qw(time);

# A port for HTTP/2 without TLS.
my $port2 = free_port();
my $s = Render::Test->start(worker => 0, nginx_workers => 1, http_conf => 'render_bcrypt_cost 5;');
my $u = $s->signup;
my $token = $u->{token};
my $account = $u->{account}{id};
my $nginx = Render::Test::Daemon->start($s, main => ["    server {\n" => <<"HTTP2" . "    server {\n",
    server {
        listen 127.0.0.1:$port2 http2;
        location / { render_api all; gzip on; gzip_types *; postpone_output 1460; }
    }
HTTP2
    'location = /metrics {' => <<'CONF' . '        location = /metrics {']);
        location = /static { chunked_transfer_encoding on; gzip on; gzip_types *; gzip_min_length 0; return 200 "static text\n"; }
CONF
my $events = Render::Test::Events->new($s);
my $bearer = { Authorization => "Bearer $token" };

# Another, whose link to Redis dies at the beginning: that takes its time to be noticed.
my $dead = do {
    my $proxy = Render::Test::Wire->start('127.0.0.1:' . Render::Test::_line($s->home . '/redis/port'));
    my $nginx = Render::Test::Daemon->start($s, name => 'dead', main => [$s->env->{REDIS_URL} => 'redis://127.0.0.1:' . $proxy->port . '/0']);
    my $job = job();
    my @open = map { Render::Test::WS->connect('127.0.0.1', $nginx->port, "/ws/progress/$job", $bearer) } 1, 2;
    $_->next_message(5) for @open, @open;
    my %dead = (proxy => $proxy, nginx => $nginx, open => \@open, began => time);
    $proxy->mode('stall');
    $dead{accepted} = $proxy->accepted;
    $events->tell($job);
    $events->collect($job);
    $dead{id} = $events->ids->{$job}[-1];
    \%dead;
};

sub job { return submit($s, $u, film(seconds => 1)) }
sub ws { return Render::Test::WS->connect('127.0.0.1', $nginx->port, "/ws/progress/$_[0]", $bearer) }
sub sse { return Render::Test::SSE->connect('127.0.0.1', $nginx->port, "/jobs/$_[0]/events", $bearer) }
sub newest { my ($job) = @_; $events->collect($job); return $events->ids->{$job}[-1] }

# Reads until that event comes; how many came.
sub reads_up_to {
    my ($ws, $id, $timeout) = @_;
    my ($n, $until) = (0, time + $timeout);
    while (time < $until) {
        my $m = $ws->next_message($until - time) or last;
        last if $m->{opcode} == Render::Test::WS::CLOSE;
        $n++;
        return $n if $m->{payload} =~ /\A\{"id":"\Q$id\E"/;
    }
    return 0;
}

sub rss {
    my ($pid) = $nginx->workers($nginx->master, 1);
    return Render::Test::_read("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m ? $1 : 0;
}

subtest 'a burst' => sub {
    my $job = job();
    my $ws = ws($job);
    $ws->next_message(5) for 1 .. 2;
    # All at once, faster than anybody reads.
    my $n = $events->call('EVAL', <<'LUA', 0, "job:$job", 20_000, $job);
for i = 1, tonumber(ARGV[2]) do
    redis.call("publish", ARGV[1], string.format('{"id":"4000000000000-%d","job_id":"%s","run":1,"type":"progress",'
        .. '"status":"processing","class":"json2video","stage":null,"step":null,"percent":0,"eta_s":null,"preview_url":null,'
        .. '"blurhash":null,"error":null,"at":"2026-01-01T00:00:00.000Z"}', i, ARGV[3]))
end
return ARGV[2]
LUA
    is $n, 20_000, '20000 events';
    my $got = reads_up_to($ws, '4000000000000-20000', 20);
    ok $got, "the last of them comes, behind $got others";
    my $other = job();
    my $one = ws($other);
    $one->next_message(5) for 1 .. 2;
    $events->tell($other);
    ok reads_up_to($one, newest($other), 5), 'and nothing has stalled';
    $_->close for $ws, $one;
};

subtest 'frames in pieces' => sub {
    my $job = job();
    my $ping = Render::Test::WS::frame(Render::Test::WS::PING, 'early', 1);
    my $ws = Render::Test::WS->connect('127.0.0.1', $nginx->port, "/ws/progress/$job", $bearer, append => $ping);
    my ($f, $until) = (undef, time + 5);
    do { $f = $ws->next_frame($until - time) } while $f && $f->{opcode} != Render::Test::WS::PONG && time < $until;
    is $f && $f->{payload}, 'early', 'a ping in the packet of the handshake is answered';
    for my $byte (split //, Render::Test::WS::frame(Render::Test::WS::PING, 'slow', 1)) { $ws->send_raw($byte); select undef, undef, undef, 0.005 }
    do { $f = $ws->next_frame($until - time) } while $f && $f->{opcode} != Render::Test::WS::PONG && time < $until;
    is $f && $f->{payload}, 'slow', 'so is one that comes a byte at a time';
    my $close = Render::Test::WS::frame(Render::Test::WS::CLOSE, pack('n', 1001) . 'going', 1);
    $ws->send_raw(substr $close, 0, 7);
    select undef, undef, undef, 0.05;
    $ws->send_raw(substr $close, 7);
    do { $f = $ws->next_frame($until - time) } while $f && $f->{opcode} != Render::Test::WS::CLOSE && time < $until;
    is $f && unpack('n', $f->{payload}), 1001, 'and a Close in two parts, with its own code';
};

subtest 'one comes as another leaves' => sub {
    my ($missed, $rounds) = (0, 25);
    my $job = job();
    for my $n (1 .. $rounds) {
        my $first = $n % 2 ? ws($job) : sse($job);
        $n % 2 ? $first->next_message(5) : $first->next_event(5);
        # Before or after the other has gone, by some milliseconds
        my $second = $n % 3 ? undef : ws($job);
        $n % 2 ? close $first->socket : $first->close(1);
        select undef, undef, undef, rand 0.01;
        $second ||= ws($job);
        $events->tell($job);
        $missed++ unless reads_up_to($second, newest($job), 5);
        $second->close;
    }
    is $missed, 0, "in $rounds rounds the one who stays hears what is told";
};

subtest 'many come while it is told' => sub {
    my $job = job();
    my ($quiet, $told) = map { $s->home . "/run/$_" } qw(quiet told);
    my $teller = background(
        sub {
            my $events = Render::Test::Events->new($s);
            my ($n, $parent) = (0, getppid);
            while (!-e $quiet && getppid == $parent) { $events->tell($job); select undef, undef, undef, 0.005; $events->collect($job) if ++$n % 50 == 0 }
            $events->collect($job);
            Render::Test::_write("$told.new", encode_json($events->ids));
            rename "$told.new", $told;
            return $n;
        }
    );
    # Each comes at a moment of its own within a second, half by each way.
    my $crowd = Render::Test::Crowd->new(port => $nginx->port, token => $token, jobs => [$job], sockets => 80);
    my $until = time + 1.5;
    $crowd->step(0.02) while time < $until;
    Render::Test::_write($quiet, '');
    my $n = $teller->();
    my $ids = decode_json(Render::Test::_read($told));
    my $last = $ids->{$job}[-1];
    $until = time + 10;
    $crowd->step(0.02) while time < $until && $crowd->behind({ $job => $last });
    is $crowd->behind({ $job => $last }), 0, "each of 80 sees the last of $n events";
    is_deeply [$crowd->missing($ids)], [0, 0], 'and all since it came, once';
    is_deeply $crowd->failures, {}, 'on the connection it began with';
};

# What was missed is asked for on one link to Redis, what is told comes on another.
subtest 'a page that cannot be had' => sub {
    my $proxy = Render::Test::Wire->start('127.0.0.1:' . Render::Test::_line($s->home . '/redis/port'));
    my $late = Render::Test::Daemon->start($s, name => 'late', main => [$s->env->{REDIS_URL} => 'redis://127.0.0.1:' . $proxy->port . '/0']);
    my $job = job();
    my $connect = sub { Render::Test::WS->connect('127.0.0.1', $late->port, "/ws/progress/$job$_[0]", $bearer) };
    # Somebody listens already, so that there is a subscription.
    my $other = $connect->('');
    $events->tell($job);
    my $last = newest($job);
    ok reads_up_to($other, $last, 10), 'a job is listened to';
    $events->tell($job) for 1 .. 5;
    newest($job);
    # Only the link for questions ends, and does not come back.
    $proxy->mode('refuse');
    $events->call(qw(CLIENT KILL TYPE normal SKIPME yes));
    wait_until(sub { decode_json(($late->request(GET => '/health/ready'))[1])->{redis} ne 'ok' }, 5, 'nginx to notice');
    my $ws = $connect->("?last_event_id=$last");
    is decode_json($ws->next_message(5)->{payload})->{id}, undef, 'who comes back then is told the state';
    $events->tell($job);
    newest($job);
    my $until = time + 0.3;
    wait_until(sub { time > $until });
    $proxy->mode('pass');
    my @got;
    # First of itself, then as another event comes.
    for my $n (0, 1) {
        $events->tell($job) if $n;
        my $want = newest($job);
        $until = time + 10;
        while (time < $until) {
            my $m = $ws->next_message($until - time) or last;
            push @got, $1 if $m->{payload} =~ /\A\{"id":"([\d-]+)"/;
            last if @got && $got[-1] eq $want;
        }
    }
    my @due = @{ $events->ids->{$job} };
    shift @due while $due[0] ne $last;
    shift @due;
    is_deeply \@got, \@due, 'all that was missed comes, in order';
    $_->close for $ws, $other;
    ok $late->stop, 'nginx quits';
};

subtest 'many who never read' => sub {
    my $job = job();
    my $good = ws($job);
    $good->next_message(5) for 1 .. 2;
    my @mute = map { $_ % 2 ? ws($job) : sse($job) } 1 .. 60;
    wait_until(sub { ($nginx->request(GET => '/metrics'))[1] =~ /^render_ws_connections 31$/m }, 5, 'all of them');
    my $before = rss();
    my $long = 'x' x 16_000;
    my ($slowest, $got) = (0, 0);
    for my $round (1 .. 10) {
        # 8 MB for each of them, which no socket holds
        $events->tell($job, step => "$long$_") for 1 .. 50;
        my $began = time;
        $got += reads_up_to($good, newest($job), 5) || last;
        my $took = time - $began;
        $slowest = $took if $took > $slowest;
    }
    my $grown = rss() - $before;
    diag sprintf 'who reads saw %d events, the newest %.0f ms late at the most; %d kB for 60 who do not', $got, 1000 * $slowest, $grown;
    cmp_ok $got, '>', 100, 'who reads is told';
    cmp_ok $slowest, '<', 3, 'in time';
    SKIP: {
        skip 'AddressSanitizer keeps what was freed', 1 if $ENV{RENDER_ASAN};
        cmp_ok $grown, '<', 60 * 400, 'each of the others costs less than 400 kB';
    }
    is +($nginx->request(GET => '/health'))[0], 200, 'and holds up nobody';
    close($_->{socket}) for @mute;
    $good->close;
};

subtest 'the first byte at once' => sub {
    my $job = job();
    my $url = "http://127.0.0.1:$port2/jobs/$job/events";
    my $began = time;
    open my $curl, '-|', 'curl', '-sSN', '--http2-prior-knowledge', '--max-time', 5, '-H', 'Accept-Encoding: gzip', '-H', "Authorization: Bearer $token", $url
        or die "curl: $!";
    IO::Select->new($curl)->can_read(4) and sysread $curl, my $text, 4096;
    my $took = time - $began;
    ok length $text, sprintf 'over HTTP/2, with gzip and postpone_output, after %.0f ms', 1000 * $took;
    cmp_ok $took, '<', 1, 'soon';
    # Ended by us, so that it need not wait.
    $s->req(POST => "/jobs/$job/cancel", token => $token);
    1 while sysread $curl, $text, 4096;
    close $curl;
};

subtest 'other locations' => sub {
    my $ask = sub {
        my $socket = $nginx->dial;
        $nginx->ask($socket, GET => '/static', headers => { 'Accept-Encoding' => 'gzip' });
        my $text = do { local $/; <$socket> };
        $text =~ s/^Date: .*\r\n//m;
        return $text;
    };
    my $before = $ask->();
    my $job = job();
    my ($sse, $ws) = (sse($job), ws($job));
    $sse->next_event(5);
    $ws->next_message(5);
    is $ask->(), $before, 'answer as before while somebody listens';
    $sse->close;
    $ws->close;
    is $ask->(), $before, 'and afterwards';
};

subtest 'a link that is dead and says nothing' => sub {
    ok wait_until(sub { $dead->{proxy}->accepted > $dead->{accepted} }, 25), 'nginx finds out, and connects again';
    diag sprintf 'within %.1f s', time - $dead->{began};
    $dead->{proxy}->mode('pass');
    ok reads_up_to($_, $dead->{id}, 15), 'what was told meanwhile comes' for @{ $dead->{open} };
    cmp_ok time - $dead->{began}, '<', 30, 'in time';
    $_->close for @{ $dead->{open} };
    ok $dead->{nginx}->stop, 'nginx quits';
};

ok $nginx->stop, 'nginx quits';
$s->stop;
done_testing;
