# The life of a WebSocket around its frames (those are autobahn.t's): the handshake, the request
# that is let go after it or kept where another module waits for its end, the token's end, TLS,
# HTTP/2, readers that are slow or many, a reload. Pings take longer: t/soak/pings.

use strict;
use warnings;

use lib 't/lib';

use Digest::SHA qw(hmac_sha256);
use IO::Select;
use IO::Socket::INET;
use JSON::PP qw(decode_json encode_json);
use MIME::Base64 qw(decode_base64url encode_base64url);
use Socket qw(AF_UNIX PF_UNSPEC SOCK_STREAM SOL_SOCKET SO_RCVBUF);
use Test::More;
use Time::HiRes qw(time);

use Render::Test;
use Render::Test::Faults;
use Render::Test::Redis;

my ($limited, $tls) = map { free_port() } 1 .. 2;
my $cert = File::Temp::tempdir(CLEANUP => 1);
system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -keyout $cert/key.pem -out $cert/cert.pem 2>/dev/null") == 0
    or die 'no certificate';

my $s = Render::Test->start(worker => 0, nginx_workers => 2, http_conf => <<"CONF");
render_bcrypt_cost 5;
limit_conn_zone \$binary_remote_addr zone=one:1m;
server {
    listen 127.0.0.1:$limited;
    limit_conn one 2;
    limit_conn_status 429;
    location / { render_api all; }
}
server {
    listen 127.0.0.1:$tls ssl http2;
    ssl_certificate $cert/cert.pem;
    ssl_certificate_key $cert/key.pem;
    location / { render_api all; }
}
CONF
my $u = $s->signup;
my $token = $u->{token};
my $redis = Render::Test::Redis->connect(Render::Test::_line($s->home . '/redis/port'));

sub job { return submit($s, $u, film(seconds => 1)) }
my $job = job();
my $path = "/ws/progress/$job";

# A socket on another port of this server, or of this one with what ws() has no word for
sub ws_at {
    my ($port, $at, %opt) = @_;
    my $headers = delete $opt{headers} || { Authorization => "Bearer $token" };
    return Render::Test::WS->connect('127.0.0.1', $port, $at, $headers, %opt);
}

# Through TLS, which openssl speaks for us
my @children;
sub ws_tls {
    my ($at, %opt) = @_;
    socketpair my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die "socketpair: $!";
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        open STDIN, '<&', $theirs;
        open STDOUT, '>&', $theirs;
        open STDERR, '>', '/dev/null';
        close $ours;
        exec qw(openssl s_client -quiet -connect), "127.0.0.1:$tls" or POSIX::_exit(127);
    }
    push @children, $pid;
    close $theirs;
    return ws_at($tls, $at, %opt, socket => $ours);
}
END { my $status = $?; if (@children) { kill KILL => @children; waitpid $_, 0 for @children } $? = $status }

# The next frame that is no event
sub control {
    my ($ws) = @_;
    my $frame;
    do { $frame = $ws->next_frame(5) } while $frame && $frame->{opcode} == Render::Test::WS::TEXT;
    return $frame ? $frame->{opcode} == Render::Test::WS::CLOSE ? 'close ' . (length $frame->{payload} ? unpack 'n', $frame->{payload} : '')
        : $frame->{opcode} == Render::Test::WS::PONG ? "pong $frame->{payload}" : "opcode $frame->{opcode}" : 'nothing';
}

sub metric {
    my ($name) = @_;
    my ($value) = $s->req(GET => '/metrics')->{body} =~ /^$name(?:\{[^}]*\})? (\d+)$/m;
    return $value;
}

sub delivered { return $s->req(GET => '/metrics')->{body} =~ /^render_events_delivered_total\{transport="ws"\} (\d+)$/m ? $1 : die 'no such metric' }

# Progress of the job, as a worker tells it
sub progress {
    my @events = ref $_[0] ? @_ : {@_};
    $redis->all(map { $redis->progress(job_id => $job, account => $u->{account}{id}, %$_) } @events);
}

# Lines of the access log for what this id asked
sub logged {
    my ($ws) = @_;
    my $id = $ws->headers->{'x-request-id'};
    return map { decode_json($_) } grep {/\Q$id\E/} split /\n/, $s->log('nginx-access');
}


# ---------------------------------------------------------------- the handshake

{
    my %wrong = (
        'Upgrade: websocketx'           => [426, { Upgrade => 'websocketx' }],
        'Upgrade: websocket/13'         => [426, { Upgrade => 'websocket/13' }],
        'Upgrade: web socket'           => [426, { Upgrade => 'web socket' }],
        'no Upgrade'                    => [426, { Upgrade => undef }],
        'Connection: keep-alive'        => [426, { Connection => 'keep-alive' }],
        'Connection: Upgraded'          => [426, { Connection => 'Upgraded' }],
        'no Connection'                 => [426, { Connection => undef }],
        'no version'                    => [426, { 'Sec-WebSocket-Version' => undef }],
        'version 8'                     => [426, { 'Sec-WebSocket-Version' => 8 }],
        'version 130'                   => [426, { 'Sec-WebSocket-Version' => 130 }],
        'a body'                        => [400, { 'Content-Length' => 200_000 }],
        'a body in chunks'              => [400, { 'Transfer-Encoding' => 'chunked' }],
        'no key'                        => [400, { 'Sec-WebSocket-Key' => undef }],
        'a key that is no base64'       => [400, { 'Sec-WebSocket-Key' => '!' x 24 }],
        'a key of 15 bytes'             => [400, { 'Sec-WebSocket-Key' => 'AAAAAAAAAAAAAAAAAAAA' }],
        'a key of 17 bytes'             => [400, { 'Sec-WebSocket-Key' => 'AAAAAAAAAAAAAAAAAAAAAAA=' }],
        'no token'                      => [401, { Authorization => undef }],
        'a foreign page with a cookie'  => [403, { Authorization => undef, Cookie => "render_token=$token", Origin => 'https://evil.example' }],
        'no page with a cookie'         => [403, { Authorization => undef, Cookie => "render_token=$token" }],
        'an opaque page with a cookie'  => [403, { Authorization => undef, Cookie => "render_token=$token", Origin => 'null' }],
    );
    for my $what (sort keys %wrong) {
        my ($status, $headers) = @{ $wrong{$what} };
        my $ws = $s->ws($path, headers => { Authorization => "Bearer $token", %$headers });
        is $ws->status, $status, "$what: $status";
        is $ws->headers->{upgrade}, 'websocket', 'with what to ask for' if $status == 426 && $what !~ /version/;
        is $ws->headers->{'sec-websocket-version'}, 13, 'with the version' if $what =~ /version/;
        $ws->close;
    }

    my $host = '127.0.0.1:' . $s->port;
    my %right = (
        'a list with websocket'       => { Upgrade => 'h2c, WebSocket' },
        'a list with upgrade'         => { Connection => 'keep-alive ,Upgrade' },
        'a page of this host'         => { Authorization => undef, Cookie => "render_token=$token", Origin => "http://$host" },
        'a token from a foreign page' => { Origin => 'https://evil.example' },
        'a header of 6 kB'            => { 'X-Long' => 'x' x 6000 },
    );
    for my $what (sort keys %right) {
        my $ws = $s->ws($path, headers => { Authorization => "Bearer $token", %{ $right{$what} } });
        is $ws->status, 101, "$what: 101";
        $ws->send_frame(Render::Test::WS::PING, $what);
        is control($ws), "pong $what", 'and served';
        is $ws->close->{code}, 1000, 'to its end';
    }

    like $s->raw("GET $path HTTP/1.0\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer $token\r\n\r\n"), qr{\AHTTP/1\.1 426 }, 'HTTP/1.0: 426';

    my $said = `curl -sSk --http2 --max-time 10 -D - -o - -H 'Authorization: Bearer $token' https://127.0.0.1:$tls$path 2>&1`;
    like $said, qr{\AHTTP/2 426 }, 'HTTP/2: 426';
}

sub ping { return Render::Test::WS::frame(Render::Test::WS::PING, $_[0], 1) }

for my $headers ({}, { 'X-Long' => 'x' x 6000 }) {
    my $with = %$headers ? 'a long handshake' : 'the handshake';
    my %opt  = (headers => { Authorization => "Bearer $token", %$headers });

    my $ws = ws_at($s->port, $path, %opt, append => join '', map { ping($_) } 1 .. 10);
    is join(' ', map { control($ws) } 1 .. 10), join(' ', map {"pong $_"} 1 .. 10), "ten pings with $with";
    $ws->send_raw(ping('later'));
    is control($ws), 'pong later', 'and one later';

    my $message = Render::Test::WS::frame(Render::Test::WS::TEXT, 'm' x 4000, 1);
    $ws = ws_at($s->port, $path, %opt, append => $message x 4 . ping('behind'));
    is control($ws), 'pong behind', "16 kB of messages with $with";

    my $frame = ping('halves');
    $ws = ws_at($s->port, $path, %opt, append => substr $frame, 0, 5);
    $ws->next_message(5);
    $ws->send_raw(substr $frame, 5);
    is control($ws), 'pong halves', "half a frame with $with";

    $ws = ws_at($s->port, $path, %opt, append => Render::Test::WS::frame(Render::Test::WS::CLOSE, pack('n', 4321), 1));
    is control($ws), 'close 4321', "a Close with $with";
    ok !$ws->next_frame(5) && $ws->eof, 'is the end';

    $ws = ws_at($s->port, $path, %opt, append => "\xff\xff\xff\xff");
    is control($ws), 'close 1002', "rubbish with $with";
}


# ---------------------------------------------------------------- the request is let go, or kept

{
    my $ws = $s->ws($path, token => $token);
    my @line = eval { wait_until(sub { logged($ws) }, 2) } ? logged($ws) : ();
    is scalar(@line), 1, 'the line of the log is there while the socket is open';
    is $line[0]{status}, 101, 'with its status';
    is $line[0]{user_id}, $u->{account}{id}, 'and whose it is';
    $ws->send_raw(ping('open'));
    is control($ws), 'pong open', 'which it is';
    is $ws->close->{code}, 1000, 'until it ends';
    is scalar(logged($ws)), 1, 'of which the log says no more';

    my @two = map { ws_at($limited, $path) } 1 .. 2;
    is $_->status, 101, 'within limit_conn' for @two;
    $_->send_raw(ping('kept')), is control($_), 'pong kept', 'served' for @two;
    is ws_at($limited, $path)->status, 429, 'while they are open there may be no third';
    is scalar(logged($two[0])), 0, 'and the log has no line yet';
    progress(stage => 'kept');
    my $m;
    do { $m = $two[1]->next_message(5) } while $m && $m->{payload} !~ /"stage":"kept"/;
    ok $m, 'they get events, too';
    is $two[0]->close->{code}, 1000, 'one ends';
    ok eval { wait_until(sub { logged($two[0]) }, 2) }, 'then the line is there';
    is((logged($two[0]))[0]{status}, 101, 'with its status');
    my $third = eval { wait_until(sub { my $w = ws_at($limited, $path); $w->status == 101 && $w }, 2) };
    ok $third, 'and another may come';
    $two[1]->send_raw("\x83\x80\0\0\0\0");
    is control($two[1]), 'close 1002', 'one that is kept is held to the rules';
    close $two[1]->socket;
    close $third->socket;
    ok eval { wait_until(sub { logged($third) }, 2) }, 'nor is one that just goes forgotten';
}


# ---------------------------------------------------------------- the token's end

{
    my ($head, $body) = split /\./, $token;
    my $claims = decode_json(decode_base64url($body));
    my $key = Render::Test::_line($s->home . '/secrets/jwt.key');
    my $signed = sub {
        my %claims = (%$claims, @_);
        my $text = "$head." . encode_base64url(encode_json(\%claims));
        return "$text." . encode_base64url(hmac_sha256($text, $key));
    };

    # Tokens are good for half a minute more than they say, for clocks that differ; tickets are not.
    my $end   = int(time) + 8;
    my $short = $signed->(exp => $end - 30);
    my $r = $s->req(POST => '/auth/ticket', token => $short);
    is $r->{status}, 201, 'a ticket for a token that is about to end';
    my $soon  = $signed->(use => 'ticket', exp => int(time) + 4, until => $end);
    my %by = (
        'ticket that ends before' => $s->ws("$path?ticket=$soon"),
        token    => $s->ws($path, token => $short),
        'for all' => $s->ws('/ws/progress', token => $short),
        ticket   => $s->ws("$path?ticket=$r->{json}{ticket}"),
        kept     => ws_at($limited, $path, headers => { Authorization => "Bearer $short" }),
        TLS      => ws_tls($path, headers => { Authorization => "Bearer $short" }),
    );
    my $long  = $s->ws($path, token => $token);
    my $sse   = $s->sse("/jobs/$job/events", token => $short);

    my ($code, $at) = ({}, {});
    my $until = $end + 10;
    for my $name (sort keys %by) {
        my $m;
        do { $m = $by{$name}->next_message($until - time) } while $m && $m->{opcode} == Render::Test::WS::TEXT;
        $at->{$name} = time;
        is $m && $m->{code}, 1008, "by $name: 1008";
        cmp_ok $at->{$name}, '>', $end - 1, 'not before the end of the token';
        cmp_ok $at->{$name}, '<', $end + 5, 'but then';       # at once, where the machine has time
        like $m->{reason}, qr/expired/, 'with the reason';
    }
    my @blocks;
    while (my $block = $sse->next_block(3)) { push @blocks, $block }
    ok $sse->ended, 'a stream ends as well';
    like $blocks[-1]{comment}, qr/expired/, 'with the reason';
    $long->send_raw(ping('still'));
    is control($long), 'pong still', 'another is not touched';
    $_->close for values %by;
    is $s->ws("$path?ticket=$soon")->status, 401, 'the ticket itself had ended';
}


# ---------------------------------------------------------------- TLS and HTTP/2

{
    my $ws = ws_tls($path);
    is $ws->status, 101, 'over TLS';
    like $ws->next_message(5)->{payload}, qr/"type":"snapshot"/, 'the state';
    ok eval { wait_until(sub { logged($ws) }, 2) }, 'its request is let go, too';
    progress(map { { stage => 's' x 2000 . $_ } } 1 .. 40);
    my $m;
    do { $m = $ws->next_message(5) } while $m && $m->{payload} !~ /s40"/;
    ok $m, 'events';
    $ws->send_raw(Render::Test::WS::frame(Render::Test::WS::TEXT, 'm' x 4000, 1) x 5 . ping('through TLS'));
    is control($ws), 'pong through TLS', 'pings';
    is $ws->close(4000)->{code}, 4000, 'and the end';
    $ws = ws_tls($path);
    $ws->send_raw("\x83\x80\0\0\0\0");
    is control($ws), 'close 1002', 'against the rules';
    ok !$ws->next_frame(5) && $ws->eof, 'it ends';

    my $pid = open my $curl, '-|', qw(curl -sSNk --http2 --max-time 10 -H), "Authorization: Bearer $token", "https://127.0.0.1:$tls/jobs/$job/events"
        or die "curl: $!";
    my ($text, $sent) = ('', 0);
    while (IO::Select->new($curl)->can_read(5) && sysread $curl, $text, 65_536, length $text) {
        progress(stage => 'h2') unless $sent++;
        last if $text =~ /"stage":"h2"/;
    }
    like $text, qr/^event: snapshot\n/m, 'a stream over HTTP/2';
    like $text, qr/^id: \d+-\d+\nevent: progress\ndata: .*"h2"/m, 'with events';
    kill KILL => $pid;
    close $curl;
}


# ---------------------------------------------------------------- one who does not read, and many who do

my @workers = nginx_workers($s);
sub rss {
    my $sum = 0;
    for my $pid (@workers) {
        open my $in, '<', "/proc/$pid/status" or next;
        /^VmRSS:\s+(\d+)/ and $sum += $1 for <$in>;
    }
    return $sum;
}

{
    my $one = job();
    my $socket = IO::Socket::INET->new(Proto => 'tcp') or die "socket: $@";
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, 65_536;
    $socket->connect(Socket::pack_sockaddr_in($s->port, Socket::inet_aton('127.0.0.1'))) or die "connect: $!";
    my $slow = ws_at($s->port, "/ws/progress/$one", socket => $socket);
    $slow->next_message(5) for 1 .. 2;
    my ($skipped, $delivered, $memory) = (metric('render_events_skipped_total'), delivered(), rss());
    my $text = $redis->publish(job_id => $one, stage => 'x' x 3000);
    for my $n (1 .. 40) {
        $redis->all(map { $redis->publish_as($text, (7_000_000_000_000 + $n) . "-$_") } 1 .. 100);
    }
    # Each is told, or held, or has taken the place of the one that was.
    ok eval { wait_until(sub { metric('render_events_skipped_total') - $skipped + delivered() - $delivered >= 3999 }, 30) }, 'all was handed on';
    cmp_ok rss() - $memory, '<', 6000, 'who does not read 12 MB of events costs no such memory' unless $ENV{RENDER_ASAN};
    my ($n, $last) = (0, '');
    while (my $m = $slow->next_message($last eq '7000000000040-100' ? 0.3 : 5)) { $n++; ($last) = $m->{payload} =~ /\A\{"id":"([\d-]+)"/ }
    cmp_ok $n, '<', 4000, "of 4000 it gets $n";
    is $last, '7000000000040-100', 'and the newest';
    cmp_ok metric('render_events_skipped_total') - $skipped, '>=', 4000 - $n - 1, 'the others are counted';
    $slow->send_raw(ping('awake'));
    is control($slow), 'pong awake', 'it is served on';
}

{
    my @jobs = map { job() } 1 .. 20;
    my @ws = map { { job => $jobs[$_ % 20], ws => $s->ws("/ws/progress/$jobs[$_ % 20]", token => $token, own_events => 1), at => 0, text => '' } } 0 .. 49;
    for my $x (@ws) { $x->{ws}->next_message(5) for 1 .. 2 }    # the state, and the newest: it is live
    my $memory = rss();
    my $publisher = background(sub {
        my $redis = Render::Test::Redis->connect(Render::Test::_line($s->home . '/redis/port'));
        for my $round (1 .. 10) {
            my @texts = map { $redis->publish(job_id => $_, percent => $round) } @jobs;
            $redis->all(map { my $n = $_; map { $redis->publish_as($_, (6_000_000_000_000 + $round) . "-$n") } @texts } 1 .. 100);
        }
        return 'sent';
    });
    my %by = map { $_->{ws}->socket => $_ } @ws;
    my $select = IO::Select->new(map { $_->{ws}->socket } @ws);
    my ($got, $most, $sample, $until) = (0, 0, 0, time + 20);
    my ($bad, $n) = (0);
    while ($select->count && time < $until) {
        for my $socket ($select->can_read(1)) {
            my $x = $by{$socket};
            $n = sysread $socket, $x->{text}, 65_536, length $x->{text};
            while ($x->{text} =~ s/\A.*?"id":"6000000000(\d+)-(\d+)"//s) {
                my $at = $1 * 1000 + $2;
                $bad++ if $at <= $x->{at};
                $x->{at} = $at;
                $got++;
            }
            $select->remove($socket) if $x->{at} == 10_100 || !$n;
        }
        next if time < $sample;
        $sample = time + 0.1;
        my $now = rss() - $memory;
        $most = $now if $now > $most;
    }
    is $publisher->(), 'sent', 'a burst of 20,000 events of 20 jobs';
    is scalar(grep { $_->{at} == 10_100 } @ws), 50, 'each of 50 sockets ends with the newest of its job';
    is $bad, 0, "none goes back ($got of 50,000 were told)";
    cmp_ok $most, '<', 12_000, 'memory stays flat' unless $ENV{RENDER_ASAN};
    close $_->{ws}->socket for @ws;
}


# ---------------------------------------------------------------- a reload

{
    my %ws = (
        plain => $s->ws($path, token => $token), 'for all' => $s->ws('/ws/progress', token => $token),
        TLS => ws_tls($path), kept => ws_at($limited, $path),
    );
    my $mute = $s->ws($path, token => $token);
    my $gone = $s->ws($path, token => $token);
    close $gone->socket;
    my @old = nginx_workers($s);
    $s->reload;
    for my $name (sort keys %ws) {
        is control($ws{$name}), 'close 1012', "$name: 1012";
        $ws{$name}->send_frame(Render::Test::WS::CLOSE, pack 'n', 1012);
        ok !$ws{$name}->next_frame(5) && $ws{$name}->eof, 'and the end';
    }
    ok eval { wait_until(sub { !grep { alive($_) } @old }, 5) }, 'the old processes are gone, though one did not answer';
    is control($mute), 'close 1012', 'which had been told';
    ok eval { wait_until(sub { metric('render_ws_connections') == 0 }, 5) }, 'no socket is left' or diag metric('render_ws_connections');
}

$s->stop;
done_testing;
