package Render::Test::S3Proxy;

# Stands between a client of S3 and its server, and does to single requests what networks and servers
# do. A process for each connection, so that nobody waits for one who is stalled.
#
#   my $p = Render::Test::S3Proxy->new(to => $swift->port);
#   $p->endpoint;                                   # the client's; Swift is sent the same Host
#   $p->rules([qr/^PUT .*partNumber=2/, 'slowdown', 2], [qr/^GET/, 'stall']);
#   $p->rules;                                      # no more
#   $p->log;                                        # "METHOD target [range]" of each request since the last call
#
# A rule: a regex over such a line, what happens, and how often, for ever if that is not said. The first
# one that fits is taken. What can happen:
#
#   slowdown    503 SlowDown, when the request was read     early503    503, and the body is not read
#   expired     400 ExpiredToken                            skew        403 RequestTimeTooSkewed, by an hour
#   error200    200, but the body is an error               reset       RST, in the middle of the request's body
#   stall       read, and never answered                    stall_body  half of the answer's body, and then nothing
#   truncate    half of the answer's body, and closed       etag        the answer has another ETag
#   late        done by the server, but closed unanswered   late500     done, but 500 InternalError is answered
#   cuthead     the answer's first line and a bit, and closed
#   wrongrange  a 206 with fewer bytes than asked for       shiftedrange  as many, but those behind them
#
# An answer without a body is halved in its headers.

use strict;
use warnings;

use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Socket qw(AF_UNIX PF_UNSPEC SOCK_STREAM SOL_SOCKET SO_LINGER);

my $hour = 3600;
my %said = (
    slowdown => [503, 'SlowDown', 'Please reduce your request rate.'],
    early503 => [503, 'SlowDown', 'Please reduce your request rate.'],
    expired  => [400, 'ExpiredToken', 'The provided token has expired.'],
    skew     => [403, 'RequestTimeTooSkewed', 'The difference between the request time and the current time is too large.'],
    error200 => [200, 'InternalError', 'We encountered an internal error. Please try again.'],
    late500  => [500, 'InternalError', 'We encountered an internal error. Please try again.'],
);
my %passes = map { $_ => 1 } qw(stall_body truncate cuthead etag late late500 wrongrange shiftedrange);
my %known = (%said, %passes, map { $_ => 1 } qw(reset stall));

sub kinds { return sort keys %known }

sub new {
    my ($class, %opt) = @_;
    my $dir = tempdir('render-s3-proxy-XXXXXX', TMPDIR => 1, CLEANUP => 0);
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 128, ReuseAddr => 1)
        or die "listen: $@";
    socketpair my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die "socketpair: $!";
    my $self = bless { dir => $dir, to => $opt{to}, port => $listen->sockport, owner => $$, n => 0, read => 0 }, $class;
    $self->rules;
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        close $ours;
        setpgrp;                        # those of the connections are ended with it
        $SIG{$_} = 'DEFAULT' for qw(INT TERM);
        $SIG{PIPE} = 'IGNORE';
        eval { _serve($self, $listen, $theirs) };
        print STDERR "proxy: $@" if $@;
        kill KILL => -$$ if getpgrp == $$;
        POSIX::_exit(0);
    }
    close $theirs;
    @{$self}{qw(pid control)} = ($pid, $ours);
    return $self;
}

sub port { $_[0]{port} }
sub endpoint { "http://127.0.0.1:$_[0]{port}" }

# From now on these and no others; nothing is left of what the last ones had to give.
sub rules {
    my ($self, @rules) = @_;
    my $text = '';
    for my $rule (@rules) {
        my ($regex, $kind, $times) = @$rule;
        die "no such kind: $kind" unless $known{$kind};
        $text .= join(' ', ++$self->{n}, defined $times ? $times : -1, $kind, "$regex") . "\n";
    }
    open my $out, '>', "$self->{dir}/rules.new" or die $!;
    print {$out} $text;
    close $out or die $!;
    rename "$self->{dir}/rules.new", "$self->{dir}/rules" or die $!;
    $self->{last} = $self->{n} - @rules;
}

# How many of the rules that are in force were applied.
sub applied {
    my ($self) = @_;
    my %applied = map { m{/token-(\d+)-\d+\z} && $1 > $self->{last} ? ($1 => 1) : () } glob "$self->{dir}/token-*";
    return scalar keys %applied;
}

sub log {
    my ($self) = @_;
    open my $in, '<', "$self->{dir}/log" or return;
    seek $in, $self->{read}, 0;
    my @lines = <$in>;
    $self->{read} = tell $in;
    chomp @lines;
    return @lines;
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$ || !$self->{pid};
    local ($@, $!, $?);
    shutdown $self->{control}, 2;
    waitpid delete $self->{pid}, 0;
    remove_tree($self->{dir});
}

# ---------------------------------------------------------------- in the other processes

sub _serve {
    my ($p, $listen, $control) = @_;
    my $select = IO::Select->new($listen, $control);
    while (1) {
        for my $ready ($select->can_read) {
            return if $ready == $control;           # its other end is closed: the test is over
            my $client = $listen->accept or next;
            my $pid = fork;
            if (defined $pid && !$pid) {
                close $_ for $listen, $control;
                $SIG{CHLD} = 'DEFAULT';
                $p->{client} = $client;
                eval { 1 while _request($p); 1 } or $@ =~ /\Agone/ or print STDERR "proxy: $@";
                close $client;
                POSIX::_exit(0);
            }
            close $client;
        }
        1 while waitpid(-1, POSIX::WNOHANG()) > 0;
    }
}

# One that may be applied; the folders are its tokens, of which each is made but once.
sub _rule {
    my ($p, $line) = @_;
    open my $in, '<', "$p->{dir}/rules" or die "rules: $!";
    while (my $rule = <$in>) {
        chomp $rule;
        my ($n, $times, $kind, $regex) = split / /, $rule, 4;
        next unless $line =~ /$regex/;
        for (my $i = 1; $times < 0 || $i <= $times; $i++) {
            return $kind if mkdir "$p->{dir}/token-$n-$i";
        }
    }
    return '';
}

sub _read {
    my ($socket, $buffer) = @_;
    my $n = sysread $socket, $$buffer, 1 << 18, length $$buffer;
    die "gone\n" unless $n;
}

sub _write {
    my ($socket, $bytes) = @_;
    my $sent = 0;
    while ($sent < length $bytes) {
        my $n = syswrite $socket, $bytes, 1 << 18, $sent;
        die "gone\n" unless $n;
        $sent += $n;
    }
}

sub _head {
    my ($socket, $buffer) = @_;
    my $end;
    _read($socket, $buffer) while ($end = index $$buffer, "\r\n\r\n") < 0;
    my $head = substr $$buffer, 0, $end + 4, '';
    my ($first, @lines) = split /\r\n/, $head;
    return ($first, @lines);
}

sub _value {
    my ($name, @lines) = @_;
    for (@lines) { return $1 if /\A\Q$name\E:\s*(.*?)\s*\z/i }
    return;
}

sub _reset {
    my ($p) = @_;
    setsockopt $p->{client}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    die "gone\n";
}

# Until the client has had enough.
sub _stall {
    my ($p) = @_;
    my $bytes = '';
    _read($p->{client}, \$bytes), $bytes = '' while 1;
}

sub _answer {
    my ($p, $kind, $close) = @_;
    my ($status, $code, $message) = @{ $said{$kind} };
    my $body = qq{<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>$code</Code><Message>$message</Message></Error>};
    my $date = POSIX::strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + ($kind eq 'skew' ? $hour : 0)));
    _write($p->{client}, "HTTP/1.1 $status Told\r\nContent-Type: application/xml\r\nDate: $date\r\nContent-Length: "
        . length($body) . "\r\n" . ($close ? "Connection: close\r\n" : '') . "\r\n" . ($p->{method} eq 'HEAD' ? '' : $body));
    return !$close;
}

# What the server says, with its body in one piece.
sub _ask {
    my ($p, $first, $lines, $body) = @_;
    my $server = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$p->{to}") or die "Swift: $@";
    _write($server, join("\r\n", $first, (grep { !/\AConnection:/i } @$lines), 'Connection: close', '', '') . $body);
    my ($bytes, $answer) = ('', '');
    my ($status, @lines) = _head($server, \$bytes);
    my $length = _value('Content-Length', @lines);
    my $empty = $p->{method} eq 'HEAD' || $status =~ m{\A\S+ (?:204|304)};
    while (!$empty && (!defined $length || length $bytes < $length)) {
        sysread($server, $bytes, 1 << 18, length $bytes) or last;
    }
    if ((_value('Transfer-Encoding', @lines) || '') =~ /chunked/i) {
        while ($bytes =~ s/\A([0-9A-Fa-f]+)[^\n]*\n//) { $answer .= substr $bytes, 0, hex $1, ''; $bytes =~ s/\A\r\n// }
        undef $length;
    }
    else { $answer = $bytes }
    $length = length $answer unless $empty;
    @lines = grep { !/\A(?:Connection|Transfer-Encoding|Content-Length):/i } @lines;
    push @lines, "Content-Length: $length" if defined $length;
    return ($status, \@lines, $answer);
}

# Other bytes than those that were asked for, and honest about it: the first half of them, or as many
# from one further. (Range is signed; the server cannot be asked for others.)
sub _other_range {
    my ($kind, $headers, $body) = @_;
    my ($from, $total) = (_value('Content-Range', @$headers) || '') =~ m{(\d+)-\d+/(\d+)} or return $body;
    $body = $kind eq 'wrongrange' ? substr $body, 0, int(length($body) / 2) : substr($body, 1) . 'x';
    $from++ if $kind eq 'shiftedrange';
    my $end = $from + length($body) - 1;
    my %value = ('content-range' => "bytes $from-$end/$total", 'content-length' => length $body);
    s/\A(Content-Range|Content-Length):.*/"$1: $value{lc $1}"/ie for @$headers;
    return $body;
}

sub _request {
    my ($p) = @_;
    $p->{bytes} = '' unless defined $p->{bytes};
    my ($first, @lines) = _head($p->{client}, \$p->{bytes});
    my ($method, $target) = split / /, $first;
    my $range = _value('Range', @lines) || '';
    my $line = "$method $target" . ($range && " $range");
    $p->{method} = $method;
    open my $log, '>>', "$p->{dir}/log" or die "log: $!";
    syswrite $log, "$line\n";
    close $log;

    my $kind = _rule($p, $line);
    my $length = _value('Content-Length', @lines) || 0;
    return _answer($p, $kind, 1) if $kind eq 'early503';
    if ($kind eq 'reset') {
        _read($p->{client}, \$p->{bytes}) while length $p->{bytes} < $length / 2;
        _reset($p);
    }
    _read($p->{client}, \$p->{bytes}) while length $p->{bytes} < $length;
    my $body = substr $p->{bytes}, 0, $length, '';
    _stall($p) if $kind eq 'stall';
    return _answer($p, $kind) if $said{$kind} && !$passes{$kind};

    my ($status, $headers, $answer) = _ask($p, $first, \@lines, $body);
    die "gone\n" if $kind eq 'late';
    return _answer($p, $kind) if $kind eq 'late500';
    $answer = _other_range($kind, $headers, $answer) if $kind =~ /range\z/;
    if ($kind eq 'etag') {
        s/\A(ETag:).*/$1 "00000000000000000000000000000000"/i for @$headers;
        $answer =~ s{<ETag>[^<]*</ETag>}{<ETag>&quot;00000000000000000000000000000000&quot;</ETag>}g;
        length $answer and s/\A(Content-Length:).*/"$1 " . length $answer/ie for @$headers;
    }
    my $head = join "\r\n", $status, @$headers, '', '';
    if ($kind eq 'cuthead') {
        _write($p->{client}, substr $head, 0, 6 + index $head, "\r\n");
        die "gone\n";
    }
    if ($kind eq 'stall_body' || $kind eq 'truncate') {
        _write($p->{client}, length $answer ? $head . substr $answer, 0, int(length($answer) / 2)
            : substr $head, 0, int(length($head) / 2));
        _stall($p) if $kind eq 'stall_body';
        die "gone\n";
    }
    _write($p->{client}, $head . $answer);
    return 1;
}

1;
