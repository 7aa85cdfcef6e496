# What a client of the WebSocket may do to us: pings without end whose answers
# it never reads must not fill our memory, and frames against RFC 6455 end the
# connection with a Close.  Progress itself is path.t's.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

use Render::Test;
use Render::Test::WS;

# A port for HTTP/2 without TLS.
my $port2 = free_port();

my $s = Render::Test->start(worker => 0, nginx_workers => 1, http_conf => <<"CONF");
render_bcrypt_cost 5;
server {
    listen 127.0.0.1:$port2 http2;
    location / { render_api all; }
}
CONF
my $token = $s->signup->{token};
my $job = $s->req(POST => '/compositions', token => $token, json => {
    version => 1, timeline => { tracks => [ { clips => [
        { asset => { type => 'color', color => '#123' } } ] } ] } })->{json}{job_id};
ok $job, 'a job that waits, as there is no worker';

sub rss {
    my $sum = 0;
    for my $pid (split ' ', `pgrep -P \$(cat ${\ $s->home}/run/nginx.pid)`) {
        open my $f, '<', "/proc/$pid/status" or next;
        /^VmRSS:\s+(\d+)/ and $sum += $1 for <$f>;
    }
    return $sum;
}

sub handshake {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $s->port, Proto => 'tcp') or die $!;
    print {$socket} "GET /ws/progress/$job HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        . "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        . "Authorization: Bearer $token\r\n\r\n";
    my $answer = '';
    while ($answer !~ /\r\n\r\n/) {
        sysread $socket, my $more, 4096 or die 'no answer to the handshake';
        $answer .= $more;
    }
    like $answer, qr{^HTTP/1\.1 101 Switching Protocols\r\n}, 'upgraded';
    return $socket;
}

# 125-byte pings, 64 MB at the most, until the server takes no more for 1 s

{
    my $socket = handshake();
    my $pings = ("\x89\xfd\0\0\0\0" . 'p' x 125) x 500;
    my ($sent, $before) = (0, rss());
    $socket->blocking(0);

    while ($sent < 64e6) {
        my $w = '';
        vec($w, fileno $socket, 1) = 1;
        last unless select undef, $w, undef, 1;
        my $at = $sent % length $pings;
        my $n = syswrite $socket, $pings, length($pings) - $at, $at;
        last unless defined $n;
        $sent += $n;
    }

    cmp_ok $sent, '<', 64e6, sprintf 'who reads no answers is not read for ever (%.1f MB)', $sent / 1e6;
    SKIP: {
        skip 'AddressSanitizer keeps what was freed', 1 if $ENV{RENDER_ASAN};
        cmp_ok rss() - $before, '<', 20_000, 'and costs no memory' or diag rss() - $before;
    }
    is $s->req(GET => '/health')->{status}, 200, 'nobody else is held up';
    close $socket;
}

my $masked = "\0\0\0\0";

for my $case (
    [ 'an unmasked frame',        "\x81\x02hi" ],
    [ 'a reserved bit',           "\xc1\x82${masked}hi" ],
    [ 'an unknown opcode',        "\x83\x82${masked}hi" ],
    [ 'a ping of 126 bytes',      "\x89\xfe\0\x7e$masked" . 'x' x 126 ],
    [ 'a fragmented ping',        "\x09\x82${masked}hi" ],
    [ 'a length of 2^63',         "\x82\xff\x80\0\0\0\0\0\0\0$masked" ],
    [ 'more than a client says',  "\x82\xff\0\0\0\0\0\x10\0\0$masked" . 'x' x 65536 ],
    [ 'text that is not UTF-8',   "\x81\x82$masked\xff\xff" ],
) {
    my ($what, $bytes) = @$case;
    my $socket = handshake();
    print {$socket} $bytes;
    my ($answer, $end) = ('', time + 10);

    while (time < $end) {
        my $r = '';
        vec($r, fileno $socket, 1) = 1;
        next unless select $r, undef, undef, 1;
        last unless sysread $socket, my $more, 4096;
        $answer .= $more;
    }

    cmp_ok time, '<', $end, "$what ends the connection";
    like $answer, qr/\x88[\x00-\x7d]/, 'with a Close';
}

# a ping is answered, and a client's Close too

{
    my $ws = $s->ws("/ws/progress/$job", token => $token);
    is $ws->status, 101, 'a good client is served';
    like $ws->next_frame(5)->{payload}, qr/"type":"snapshot"/, 'with the state first';
    $ws->send_frame(9, 'hello');
    my $f;
    do { $f = $ws->next_frame(5) } while $f && $f->{opcode} == 1;      # events
    is $f->{opcode}, 10, 'a pong for a ping';
    is $f->{payload}, 'hello', 'with its words';
}

# No field of one connection goes over HTTP/2 (RFC 9113, section 8.2.2): clients end the stream at it.
is $s->req(GET => "/ws/progress/$job", token => $token)->{headers}{upgrade}, 'websocket', 'who asks without an upgrade is told what to ask for';
my $said = `curl -sS --max-time 20 --http2-prior-knowledge -H 'Authorization: Bearer $token' -D - -o - http://127.0.0.1:$port2/ws/progress/$job 2>&1`;
like $said, qr{\AHTTP/2 426 .*"Upgrade required"}s, 'over HTTP/2 too';
unlike $said, qr/^upgrade:/mi, 'though not by a field of one connection';

$s->stop;
done_testing;
