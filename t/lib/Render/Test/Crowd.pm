package Render::Test::Crowd;

# Many listeners in one process: WebSockets and streams of server-sent events, each of one job. Who
# is sent away (a close with 1012, a stream that ends behind retry:) comes back and goes on after
# the last event it saw; whatever else ends a connection is written down as a failure. What came is
# only collected: missing() compares it with what was told.

use strict;
use warnings;

use IO::Socket::INET;
use MIME::Base64 qw(encode_base64);
use Time::HiRes qw(time);

use Render::Test::WS;

# new(port => n, token => JWT, jobs => [ids], sockets => n)
sub new {
    my ($class, %opt) = @_;
    my $self = bless { %opt, by_fd => {}, bits => '', failures => {}, count => {} }, $class;
    my @jobs = @{ $opt{jobs} };
    $self->{clients} = [map {
        { n => $_, kind => $_ % 2 ? 'ws' : 'sse', job => $jobs[int($_ / 2) % @jobs], ids => [], at => time + rand 1 }
    } 1 .. $opt{sockets}];
    return $self;
}

sub failures { $_[0]{failures} }
sub count    { $_[0]{count} }
sub open     { scalar grep { $_->{state} && $_->{state} eq 'open' } @{ $_[0]{clients} } }

sub _fail {
    my ($self, $c, $why) = @_;
    $why =~ s/\s+/ /g;
    $self->{failures}{"$c->{kind}: " . substr $why, 0, 160}++;
    $self->_end($c, 0.5);
}

# The connection is over; back in so many seconds.
sub _end {
    my ($self, $c, $pause) = @_;
    if ($c->{socket}) {
        my $fd = fileno $c->{socket};
        vec($self->{bits}, $fd, 1) = 0;
        delete $self->{by_fd}{$fd};
        close $c->{socket};
    }
    delete @$c{qw(socket state in text said retry done)};
    $c->{at} = time + $pause;
}

sub _connect {
    my ($self, $c) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Timeout => 10)
        or return $self->_fail($c, "connect: $@");
    $socket->blocking(0);
    my $fd = fileno $socket;
    vec($self->{bits}, $fd, 1) = 1;
    $self->{by_fd}{$fd} = $c;
    @$c{qw(socket state in text since)} = ($socket, 'head', '', '', time);
    my $head = "Host: x\r\nAuthorization: Bearer $self->{token}\r\n";
    my $last = $c->{ids}[-1];
    my $request;
    if ($c->{kind} eq 'ws') {
        my $key = encode_base64(pack('N4', map { int rand 2**32 } 1 .. 4), '');
        $request = "GET /ws/progress/$c->{job}" . (defined $last ? "?last_event_id=$last" : '') . " HTTP/1.1\r\n$head"
            . "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: $key\r\n\r\n";
    }
    else {
        $request = "GET /jobs/$c->{job}/events HTTP/1.1\r\n$head" . (defined $last ? "Last-Event-ID: $last\r\n" : '') . "\r\n";
    }
    $self->{count}{connects}++;
    $c->{joined}{ @{ $c->{ids} } } = ++$c->{connections};
    defined syswrite $socket, $request or $self->_fail($c, "write: $!");
}

# step($seconds): connects who wants to, reads what is there.
sub step {
    my ($self, $wait) = @_;
    my $now = time;
    for my $c (@{ $self->{clients} }) {
        if    (!$c->{socket})                                  { $self->_connect($c) if $now >= $c->{at} }
        elsif ($c->{state} eq 'head' && $now - $c->{since} > 15) { $self->_fail($c, 'no answer in 15 s') }
    }
    my $ready = $self->{bits};
    my $n = select $ready, undef, undef, $wait;
    return if !$n || $n < 0;
    for my $fd (keys %{ $self->{by_fd} }) {
        next unless vec $ready, $fd, 1;
        my $c = $self->{by_fd}{$fd} or next;
        my $got = sysread $c->{socket}, $c->{in}, 65_536, length $c->{in};
        next if !defined $got && ($!{EAGAIN} || $!{EINTR});
        my $why = defined $got ? 'the connection ended' : "read: $!";
        $self->_take($c) if length $c->{in};
        next if !$c->{socket} || $got;
        $self->_fail($c, $c->{state} eq 'head' ? "$why before an answer" : $why);
    }
}

sub _take {
    my ($self, $c) = @_;
    if ($c->{state} eq 'head') {
        $c->{in} =~ s/\A(.*?)\r\n\r\n//s or return;
        my $head = $1;
        my $want = $c->{kind} eq 'ws' ? 101 : 200;
        $head =~ m{\AHTTP/1\.1 $want } or return $self->_fail($c, substr $head, 0, 40);
        $c->{state} = 'open';
    }
    return $c->{kind} eq 'ws' ? $self->_frames($c) : $self->_chunks($c);
}

sub _event {
    my ($self, $c, $doc) = @_;
    $self->{count}{ $c->{kind} }++;
    # A state that PostgreSQL told is no event and has no id.
    push @{ $c->{ids} }, $1 if $doc =~ /\A\{"id":"(\d+-\d+)"/;
}

sub _frames {
    my ($self, $c) = @_;
    while (length $c->{in} >= 2) {
        my ($b0, $n) = unpack 'CC', $c->{in};
        my $at = 2;
        if ($n == 126) {
            return if length $c->{in} < 4;
            ($n, $at) = (unpack('x2 n', $c->{in}), 4);
        }
        elsif ($n > 126) { return $self->_fail($c, 'a masked frame, or one beyond 64 kB') }
        return if length $c->{in} < $at + $n;
        my $text = substr $c->{in}, $at, $n;
        substr $c->{in}, 0, $at + $n, '';
        my $op = $b0 & 15;
        if    ($op == Render::Test::WS::TEXT) { $self->_event($c, $text) }
        elsif ($op == Render::Test::WS::PING) { syswrite $c->{socket}, Render::Test::WS::frame(Render::Test::WS::PONG, $text, 1) }
        elsif ($op == Render::Test::WS::CLOSE) {
            my $code = $n < 2 ? 'none' : unpack 'n', $text;
            return $self->_fail($c, "close $code") if $code ne '1012';
            $self->{count}{closed}++;
            syswrite $c->{socket}, Render::Test::WS::frame(Render::Test::WS::CLOSE, $text, 1);
            return $self->_end($c, 0.05 + rand 0.3);
        }
        else { return $self->_fail($c, "opcode $op") }
    }
}

sub _chunks {
    my ($self, $c) = @_;
    while ($c->{in} =~ /\A([0-9A-Fa-f]+)\r\n/) {
        my ($at, $n) = (length $&, hex $1);
        last if length $c->{in} < $at + $n + 2;
        $c->{text} .= substr $c->{in}, $at, $n;
        substr $c->{in}, 0, $at + $n + 2, '';
        $c->{done} = 1 if $n == 0;
    }
    while ($c->{text} =~ s/\A(.*?)\n\n//s) {
        my $block = $1;
        if    ($block =~ /^data: ?(.*)$/m)  { $self->_event($c, $1); delete $c->{retry} }
        elsif ($block =~ /^retry: ?(\d+)$/m) { $c->{retry} = $1 }
    }
    return unless $c->{done};
    # Who ends a stream says so in its last block.
    return $self->_fail($c, 'the stream ended without retry:') unless defined $c->{retry} && $c->{retry} < 2000;
    $self->{count}{ended}++;
    $self->_end($c, $c->{retry} / 1000 + rand 0.1);
}

# behind(\%newest): how many have not seen the newest event of their job yet
sub behind {
    my ($self, $newest) = @_;
    return scalar grep { ($_->{ids}[-1] // '') ne $newest->{ $_->{job} } } @{ $self->{clients} };
}

# missing(\%told): of the ids that were told of each job, in order, those that a client should have
# seen after its first and has not; and those it saw twice or out of order: (missed, again)
sub missing {
    my ($self, $told) = @_;
    my ($missed, $again) = (0, 0);
    my @gaps;
    for my $c (@{ $self->{clients} }) {
        my %seen;
        $again += grep { $seen{$_}++ } @{ $c->{ids} };
        my $first = $c->{ids}[0];
        my @due = @{ $told->{ $c->{job} } };
        if (!defined $first) { $missed += @due; next }
        shift @due while @due && $due[0] ne $first;
        $missed += grep { !$seen{$_} } @due;
        my %place;
        @place{@due} = 0 .. $#due;
        for my $n (1 .. $#{ $c->{ids} }) {
            my $between = ($place{ $c->{ids}[$n] } // 0) - ($place{ $c->{ids}[$n - 1] } // 0) - 1;
            push @gaps, sprintf '%s %d: %d behind its event %d (%s), %s', @$c{qw(kind n)}, $between, $n, $c->{ids}[$n - 1],
                $c->{joined}{$n} ? "the first of connection $c->{joined}{$n}" : 'on one connection' if $between > 0;
        }
        my @places = map { $place{$_} // -1 } @{ $c->{ids} };
        $again += grep { $places[$_] < $places[$_ - 1] } 1 .. $#places;
    }
    $self->{gaps} = \@gaps;
    return ($missed, $again);
}

# Where they were missed: a line each
sub gaps { return @{ $_[0]{gaps} || [] } }

1;
