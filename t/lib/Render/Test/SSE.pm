package Render::Test::SSE;

# A client of server-sent events for the tests (HTML, section 9.2) over HTTP/1.1. It shows what
# came and does not reconnect. The body must be chunked: a stream has no length.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use Time::HiRes qw(time);

my $slow = $ENV{RENDER_SLOW} || 1;     # time-outs are so much longer

# connect($host, $port, $path, \%headers, %opt): an object as soon as the header of an answer is
# there. seen => sub is called with the data of each event.
sub connect {
    my ($class, $host, $port, $path, $headers, %opt) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Proto => 'tcp', Timeout => 10 * $slow)
        or die "connect to $host:$port: $@";
    my $self = bless { socket => $socket, raw => '', text => '', eof => 0, done => 0, seen => $opt{seen} }, $class;
    my %send = (Host => "$host:$port", Accept => 'text/event-stream', %{ $headers || {} });
    print {$socket} "GET $path HTTP/1.1\r\n", (map {"$_: $send{$_}\r\n"} grep { defined $send{$_} } sort keys %send), "\r\n";
    $socket->flush;

    my $until = time + 10 * $slow;
    while ($self->{raw} !~ /\r\n\r\n/) {
        $self->_read($until) or die "no answer: $self->{raw}\n";
    }
    (my $head, $self->{raw}) = split /\r\n\r\n/, $self->{raw}, 2;
    my ($line, @fields) = split /\r\n/, $head;
    ($self->{status}) = $line =~ m{\AHTTP/1\.1 (\d+)} or die "no status: $line\n";
    for (@fields) { $self->{headers}{ lc $1 } = $2 if /\A([^:]+):\s*(.*)\z/ }
    return $self;
}

sub status  { $_[0]{status} }
sub headers { $_[0]{headers} }

# The stream has ended as a stream ends, not by a broken connection.
sub ended { $_[0]{done} }
sub eof   { $_[0]{eof} }

sub _read {
    my ($self, $until) = @_;
    return 0 if $self->{eof};
    my $left = $until - time;
    return 0 if $left <= 0 || !IO::Select->new($self->{socket})->can_read($left);
    my $n = sysread $self->{socket}, $self->{raw}, 65_536, length $self->{raw};
    return 1 if !defined $n && $!{EINTR};
    $self->{eof} = 1 unless $n;
    return $n ? 1 : 0;
}

# Chunks that are whole go to the text (RFC 9112, section 7.1).
sub _unchunk {
    my ($self) = @_;
    while (!$self->{done} && $self->{raw} =~ /\A([0-9A-Fa-f]+)\r\n/) {
        my ($head, $n) = (length $&, hex $1);
        last if length $self->{raw} < $head + $n + 2;
        $self->{text} .= substr $self->{raw}, $head, $n;
        substr $self->{raw}, 0, $head + $n + 2, '';
        $self->{done} = 1 if $n == 0;
    }
}

# The next block: { id, event, data, retry, comment }; nothing at the end and when time is up.
sub next_block {
    my ($self, $timeout) = @_;
    my $until = time + $slow * (defined $timeout ? $timeout : 10);
    while (1) {
        $self->_unchunk;
        if ($self->{text} =~ s/\A(.*?)\n\n//s) {
            my %block;
            for my $line (split /\n/, $1) {
                my ($field, $value) = $line =~ /\A(\w*): ?(.*)\z/s or die "a line that is none: $line\n";
                $field = 'comment' if $field eq '';
                $block{$field} = defined $block{$field} ? "$block{$field}\n$value" : $value;
            }
            $self->{seen}->($block{data}) if $self->{seen} && defined $block{data};
            return \%block;
        }
        return if $self->{done};
        $self->_read($until) or return;
    }
}

# The next event, past comments and retry.
sub next_event {
    my ($self, $timeout) = @_;
    my $until = time + $slow * (defined $timeout ? $timeout : 10);
    while (my $block = $self->next_block($until - time)) {
        return $block if defined $block->{data};
    }
    return;
}

# Gone without a word; with linger 0 by a reset.
sub close {
    my ($self) = @_;
    $self->{socket}->setsockopt(Socket::SOL_SOCKET(), Socket::SO_LINGER(), pack('II', 1, 0)) if $_[1];
    close $self->{socket};
    $self->{eof} = 1;
}

1;
