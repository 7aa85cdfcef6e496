package Render::Test::H2;

# A client of HTTP/2 without TLS (RFC 9113) for tests of what curl cannot do: windows that stay
# shut, sockets that nobody reads, streams that are reset while they are sent. It opens no window
# and reads no byte by itself, and does not decode headers (RFC 7541): what came of them is kept.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP SO_RCVBUF SOL_SOCKET TCP_NODELAY inet_aton pack_sockaddr_in);
use Time::HiRes qw(time);

use constant { DATA => 0, HEADERS => 1, RST_STREAM => 3, SETTINGS => 4, PING => 6, GOAWAY => 7, WINDOW_UPDATE => 8 };

my $slow = $ENV{RENDER_SLOW} || 1;     # time-outs are so much longer

# connect($port, window => bytes a stream may send at first, frame => bytes of a frame at the most,
# rcvbuf => bytes for the kernel)
sub connect {
    my ($class, $port, %opt) = @_;
    socket my $socket, Socket::PF_INET(), Socket::SOCK_STREAM(), IPPROTO_TCP or die "socket: $!";
    bless $socket, 'IO::Socket::INET';
    # Before there is a connection, as it says how large its window can be.
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, $opt{rcvbuf} or die "SO_RCVBUF: $!" if $opt{rcvbuf};
    connect $socket, pack_sockaddr_in($port, inet_aton('127.0.0.1')) or die "connect to $port: $!";
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    my $self = bless { socket => $socket, in => '', next => 1, data => {}, head => {}, over => {} }, $class;
    my %setting = (4 => $opt{window}, 5 => $opt{frame});
    $self->_send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . _frame(SETTINGS, 0, 0, join '', map { pack 'nN', $_, $setting{$_} } grep { defined $setting{$_} } sort keys %setting));
    return $self;
}

sub _frame {
    my ($type, $flags, $stream, $payload) = @_;
    return substr(pack('N', length $payload), 1) . pack('CCN', $type, $flags, $stream) . $payload;
}

sub _send {
    my ($self, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';
    while (length $bytes) {
        my $n = syswrite $self->{socket}, $bytes;
        die "write: $!" unless defined $n;
        substr $bytes, 0, $n, '';
    }
}

# A field that goes into no table, in plain letters (RFC 7541, section 6.2.2)
sub _field { return join '', "\0", map { _length($_) . $_ } @_ }

sub _length {
    my $n = length $_[0];
    return chr $n if $n < 127;
    my $out = chr 127;
    for ($n -= 127; $n >= 128; $n >>= 7) { $out .= chr($n & 127 | 128) }
    return $out . chr $n;
}

# get($path, name => value, ...): the new stream
sub get {
    my ($self, $path, %headers) = @_;
    my $id = $self->{next};
    $self->{next} += 2;
    $self->{data}{$id} = '';
    my @fields = ([':method', 'GET'], [':scheme', 'http'], [':path', $path], [':authority', 'x'], map { [lc, $headers{$_}] } sort keys %headers);
    $self->_send(_frame(HEADERS, 5, $id, join '', map { _field(@$_) } @fields));
    return $id;
}

# widen($stream, $n): it may send so many bytes more; stream 0 is all of them together
sub widen { $_[0]->_send(_frame(WINDOW_UPDATE, 0, $_[1], pack 'N', $_[2])) }

sub reset { $_[0]->_send(_frame(RST_STREAM, 0, $_[1], pack 'N', 8)) }

# What the stream has sent so far, and whether it is over: 'end', or 'reset' by the other
sub data { $_[0]{data}{ $_[1] } }
sub over { $_[0]{over}{ $_[1] } }

# Takes what comes within that time, at most one read; 0: nothing came
sub pump {
    my ($self, $timeout) = @_;
    IO::Select->new($self->{socket})->can_read($slow * $timeout) or return 0;
    my $n = sysread $self->{socket}, $self->{in}, 65_536, length $self->{in};
    die 'HTTP/2: the connection ended' . (defined $n ? '' : ": $!") . "\n" unless $n;
    while (length $self->{in} >= 9) {
        my ($high, $low, $type, $flags, $id) = unpack 'CnCCN', $self->{in};
        my $length = $high << 16 | $low;
        last if length $self->{in} < 9 + $length;
        my $payload = substr $self->{in}, 9, $length;
        substr $self->{in}, 0, 9 + $length, '';
        if    ($type == DATA)                      { $self->{data}{$id} .= $payload }
        elsif ($type == HEADERS)                   { $self->{head}{$id} = $payload }
        elsif ($type == RST_STREAM)                { $self->{over}{$id} = 'reset' }
        elsif ($type == SETTINGS && !($flags & 1)) { $self->_send(_frame(SETTINGS, 1, 0, '')) }
        elsif ($type == PING && !($flags & 1))     { $self->_send(_frame(PING, 1, 0, $payload)) }
        elsif ($type == GOAWAY)                    { $self->{goaway} = unpack 'x4 N', $payload }
        elsif ($type > 9)                          { die "HTTP/2: a frame of type $type\n" }
        $self->{over}{$id} = 'end' if $type <= HEADERS && $flags & 1;
    }
    return $n;
}

# until(sub { ... }, $timeout): takes what comes until that is true; whether it became so
sub until {
    my ($self, $true, $timeout) = @_;
    my $end = time + $slow * $timeout;
    while (!$true->()) {
        return 0 if time >= $end;
        $self->pump(0.1);
    }
    return 1;
}

sub close { CORE::close $_[0]{socket} }

1;
