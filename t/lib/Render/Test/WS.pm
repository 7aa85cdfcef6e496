package Render::Test::WS;

# A WebSocket client for the tests (RFC 6455, client side, no extensions). It shows frames as
# they are and is strict about what a server may send; it does not reconnect, and answers
# nothing by itself save in next_message().

use strict;
use warnings;

use Digest::SHA qw(sha1_base64);
use IO::Select;
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(time);

use constant {
    CONTINUATION => 0x0,
    TEXT         => 0x1,
    BINARY       => 0x2,
    CLOSE        => 0x8,
    PING         => 0x9,
    PONG         => 0xA,
};

my $slow = $ENV{RENDER_SLOW} || 1;     # time-outs are so much longer

my $GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

# connect($host, $port, $path, \%headers, %opt): an object as soon as there is an HTTP answer
# (see status); dies if there is none, or if a 101 is not a right one. Headers of the same name
# replace our own; the value undef leaves one out. seen => sub is called with each text message;
# append => bytes ride behind the handshake; socket => a connected one takes the place of ours.
sub connect {
    my ($class, $host, $port, $path, $headers, %opt) = @_;
    my $socket = $opt{socket} || IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Proto => 'tcp',
        Timeout => 10 * $slow) or die "connect to $host:$port: $@";
    my $self = bless { socket => $socket, buffer => '', eof => 0, seen => $opt{seen} }, $class;
    binmode $socket;

    my $key = encode_base64(pack('N4', map { int rand 2**32 } 1 .. 4), '');
    my %send = (
        Host                    => "$host:$port",
        Upgrade                 => 'websocket',
        Connection              => 'Upgrade',
        'Sec-WebSocket-Key'     => $key,
        'Sec-WebSocket-Version' => 13,
    );
    for my $name (keys %{ $headers || {} }) {
        my ($same) = grep { lc $_ eq lc $name } keys %send;
        $send{ defined $same ? $same : $name } = $headers->{$name};
    }
    my $request = "GET $path HTTP/1.1\r\n";
    $request .= "$_: $send{$_}\r\n" for grep { defined $send{$_} } sort keys %send;
    # Frames may ride in the same packet as the handshake.
    $self->send_raw("$request\r\n" . (defined $opt{append} ? $opt{append} : ''));
    $self->_handshake($send{'Sec-WebSocket-Key'}, $opt{timeout} || 10);
    return $self;
}

sub status  { $_[0]{status} }
sub headers { $_[0]{headers} }
sub eof     { $_[0]{eof} }
sub socket  { $_[0]{socket} }

# The body of an answer other than 101.
sub body { $_[0]{body} }

sub send_raw {
    my ($self, $bytes) = @_;
    my $done = 0;
    local $SIG{PIPE} = 'IGNORE';
    while ($done < length $bytes) {
        my $n = syswrite $self->{socket}, $bytes, length($bytes) - $done, $done;
        next if !defined $n && $!{EINTR};
        return 0 unless defined $n;
        $done += $n;
    }
    return 1;
}

# send_frame($opcode, $payload, $masked = 1, %opt: fin, rsv, mask)
sub send_frame {
    my ($self, $opcode, $payload, $masked, %opt) = @_;
    $payload = '' unless defined $payload;
    $masked  = 1  unless defined $masked;
    return $self->send_raw(frame($opcode, $payload, $masked, %opt));
}

sub frame {
    my ($opcode, $payload, $masked, %opt) = @_;
    my $fin    = exists $opt{fin} ? $opt{fin} : 1;
    my $length = length $payload;
    my $head   = chr(($fin ? 0x80 : 0) | (($opt{rsv} || 0) << 4) | $opcode);
    my $bit    = $masked ? 0x80 : 0;
    $head .= $length < 126    ? chr($bit | $length)
        : $length < 65_536    ? chr($bit | 126) . pack('n', $length)
        :                       chr($bit | 127) . pack('Q>', $length);
    return $head . $payload unless $masked;
    my $mask = exists $opt{mask} ? $opt{mask} : pack('N', int rand 2**32);
    return $head . $mask . _masked($payload, $mask);
}

sub _masked {
    my ($payload, $mask) = @_;
    return '' unless length $payload;
    # As text, both: of numbers it would be another xor.
    return "$payload" ^ substr($mask x (1 + int(length($payload) / 4)), 0, length $payload);
}

# The next frame as it came: { opcode, payload, fin }. Nothing at the end of the connection
# (eof is true then) and when the time is up. Dies at what a server must not send.
sub next_frame {
    my ($self, $timeout) = @_;
    my $until = time + $slow * (defined $timeout ? $timeout : 10);
    while (1) {
        my $frame = $self->_take_frame;
        return $frame if $frame;
        last unless $self->_read_more($until);
    }
    die "WebSocket: the connection ended inside a frame\n" if $self->{eof} && length $self->{buffer};
    return;
}

# The next whole message, its fragments joined; pings are answered, pongs dropped.
# A close frame comes as { opcode => CLOSE, code, reason }.
sub next_message {
    my ($self, $timeout) = @_;
    my $until = time + $slow * (defined $timeout ? $timeout : 10);
    while (1) {
        my $left  = $until - time;
        my $frame = $self->next_frame($left > 0 ? $left : 0) or return;
        my $op    = $frame->{opcode};
        if ($op == PING) { $self->send_frame(PONG, $frame->{payload}); next }
        next if $op == PONG;
        return _close_message($frame) if $op == CLOSE;
        my $part = $self->{message};
        if ($op == CONTINUATION) {
            die "WebSocket: continuation of nothing\n" unless $part;
            $part->{payload} .= $frame->{payload};
        }
        else {
            die "WebSocket: a new message inside another\n" if $part;
            $part = $self->{message} = { opcode => $op, payload => $frame->{payload} };
        }
        next unless $frame->{fin};
        delete $self->{message};
        $self->{seen}->($part->{payload}) if $self->{seen} && $part->{opcode} == TEXT;
        return $part;
    }
}

sub _close_message {
    my ($frame) = @_;
    my $payload = $frame->{payload};
    die "WebSocket: close frame of one byte\n" if length $payload == 1;
    my ($code, $reason) = length $payload ? unpack('n a*', $payload) : (1005, '');
    return { opcode => CLOSE, payload => $payload, code => $code, reason => $reason };
}

# Says goodbye, waits for the answer and for the end; the other's close message, if it came.
sub close {
    my ($self, $code, $reason) = @_;
    my $socket = $self->{socket} or return;
    my $answer;
    if (!$self->{eof} && ($self->{status} || 0) == 101) {
        my $payload = pack('n', $code || 1000) . (defined $reason ? $reason : '');
        if ($self->send_frame(CLOSE, $payload)) {
            my $until = time + 5 * $slow;
            eval {
                while (my $frame = $self->next_frame($until - time)) {
                    $answer = _close_message($frame) if $frame->{opcode} == CLOSE;
                    last if $answer;
                }
            };
        }
    }
    close $socket;
    $self->{socket} = undef;
    $self->{eof}    = 1;
    return $answer;
}

sub _handshake {
    my ($self, $key, $timeout) = @_;
    my $until = time + $slow * $timeout;
    while ($self->{buffer} !~ /\r\n\r\n/) {
        $self->_read_more($until) or die "WebSocket: no answer to the handshake\n";
    }
    # What comes after the head are frames already.
    my ($head, $rest) = $self->{buffer} =~ /\A(.*?)\r\n\r\n(.*)\z/s;
    $self->{buffer} = $rest;
    my ($first, @lines) = split /\r\n/, $head;
    ($self->{status}) = $first =~ m{\AHTTP/1\.1 (\d{3})} or die "WebSocket: odd answer: $first\n";
    $self->{status} += 0;
    for my $line (@lines) {
        my ($name, $value) = $line =~ /\A([^:\s]+):[ \t]*(.*?)[ \t]*\z/ or die "WebSocket: odd header: $line\n";
        $name = lc $name;
        $self->{headers}{$name} = defined $self->{headers}{$name} ? "$self->{headers}{$name}, $value" : $value;
    }
    return $self->_rest_of_answer($until) if $self->{status} != 101;

    my $h = $self->{headers};
    die "WebSocket: 101 without Upgrade: websocket\n" unless lc($h->{upgrade} || '') eq 'websocket';
    die "WebSocket: 101 without Connection: Upgrade\n" unless ($h->{connection} || '') =~ /\bupgrade\b/i;
    die "WebSocket: wrong Sec-WebSocket-Accept\n"
        unless ($h->{'sec-websocket-accept'} || '') eq sha1_base64($key . $GUID) . '=';
    die "WebSocket: an extension that nobody asked for\n" if exists $h->{'sec-websocket-extensions'};
}

sub _rest_of_answer {
    my ($self, $until) = @_;
    my $length = $self->{headers}{'content-length'};
    while (!defined $length || length $self->{buffer} < $length) {
        last unless $self->_read_more($until);
    }
    $self->{body}   = $self->{buffer};
    $self->{buffer} = '';
}

sub _read_more {
    my ($self, $until) = @_;
    return 0 if $self->{eof} || !$self->{socket};
    while (1) {
        my $left = $until - time;
        $left = 0 if $left < 0;
        IO::Select->new($self->{socket})->can_read($left) or return 0;
        my $n = sysread $self->{socket}, $self->{buffer}, 65_536, length $self->{buffer};
        next if !defined $n && $!{EINTR};
        return 1 if $n;
        $self->{eof} = 1;
        return 0;
    }
}

sub _take_frame {
    my ($self) = @_;
    my $have = length $self->{buffer};
    return if $have < 2;
    my ($b0, $b1) = unpack 'CC', $self->{buffer};
    my ($fin, $rsv, $opcode) = ($b0 >> 7, ($b0 >> 4) & 7, $b0 & 15);
    my $length = $b1 & 127;
    my $at     = 2;
    die "WebSocket: reserved bits $rsv set\n" if $rsv;
    die "WebSocket: unknown opcode $opcode\n" unless $opcode <= BINARY || ($opcode >= CLOSE && $opcode <= PONG);
    die "WebSocket: a masked frame from the server\n" if $b1 & 128;
    die "WebSocket: control frame in pieces or too long\n" if $opcode >= CLOSE && (!$fin || $length > 125);
    if ($length == 126) {
        return if $have < 4;
        $length = unpack 'x2 n', $self->{buffer};
        die "WebSocket: length not in its shortest form\n" if $length < 126;
        $at = 4;
    }
    elsif ($length == 127) {
        return if $have < 10;
        $length = unpack 'x2 Q>', $self->{buffer};
        die "WebSocket: length not in its shortest form\n" if $length < 65_536;
        die "WebSocket: length with its first bit set\n" if $length >> 63;
        $at = 10;
    }
    return if $have < $at + $length;
    my $payload = substr $self->{buffer}, $at, $length;
    substr $self->{buffer}, 0, $at + $length, '';
    return { opcode => $opcode, payload => $payload, fin => $fin };
}

1;
