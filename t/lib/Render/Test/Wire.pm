package Render::Test::Wire;

# Stands between nginx and PostgreSQL or Redis, as a process of its own, and treats what passes as
# it is told:
#
#   pass      as it is                       refuse    takes connections and closes them at once
#   bytes     to nginx, a byte a write       stall     takes and passes nothing, closes nothing
#   unsynced  to nginx up to the next CommandComplete of PostgreSQL; then both ends are closed
#   copyH     once, instead of the rows of PostgreSQL, a COPY that goes out (G: in, W: both ways),
#             and nothing more of that connection; all else passes
#
#   my $p = Render::Test::Wire->start("$dir/.s.PGSQL.5432");     # or host:port
#   $p->mode('stall');
#   $p->accepted;       # connections so far

use strict;
use warnings;

use IO::Handle;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(IPPROTO_TCP TCP_NODELAY);

sub start {
    my ($class, $to) = @_;
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 64) or die "listen: $@";
    pipe my $hear, my $say or die "pipe: $!";
    pipe my $back, my $answer or die "pipe: $!";
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        close $_ for $say, $back;
        $answer->autoflush(1);
        $SIG{PIPE} = 'IGNORE';
        eval { _run($listen, $hear, $answer, $to); 1 } or print STDERR "proxy: $@";
        POSIX::_exit(0);
    }
    close $_ for $hear, $answer;
    $say->autoflush(1);
    my $self = bless { pid => $pid, owner => $$, say => $say, back => $back, port => $listen->sockport }, $class;
    close $listen;
    return $self;
}

sub port { $_[0]{port} }

# When this returns it is so.
sub mode {
    my ($self, $mode) = @_;
    print { $self->{say} } "$mode\n";
    my $line = readline $self->{back};
    return $line + 0;
}

# The answer to any word is the number of connections.
sub accepted { $_[0]->mode('') }

sub _dial {
    my ($to) = @_;
    return $to =~ m{^/} ? IO::Socket::UNIX->new(Peer => $to) : IO::Socket::INET->new(PeerAddr => $to);
}

sub _run {
    my ($listen, $hear, $answer, $to) = @_;
    my ($mode, $accepted, %peer, %from_server, %mute, %handle) = ('pass', 0);
    my $drop = sub {
        my @both = ($_[0], $peer{ fileno $_[0] });
        for my $s (@both) {
            my $fd = fileno $s;
            delete $peer{$fd};
            delete $from_server{$fd};
            delete $mute{$fd};
            delete $handle{$fd};
            close $s;
        }
    };
    while (1) {
        my $bits = '';
        vec($bits, $_, 1) = 1 for fileno $hear, fileno $listen, $mode eq 'stall' ? () : keys %peer;
        next if select($bits, undef, undef, undef) < 0;
        if (vec $bits, fileno $hear, 1) {
            sysread $hear, my $text, 64 or return;
            for my $word (split /\n/, $text) { $mode = $word if length $word }
            print {$answer} "$accepted\n";
            next;
        }
        if (vec $bits, fileno $listen, 1) {
            my $client = $listen->accept or next;
            $accepted++;
            if ($mode eq 'refuse') { close $client; next }
            my $server = _dial($to) or do { close $client; next };
            $client->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
            $peer{ fileno $client } = $server;
            $peer{ fileno $server } = $client;
            $from_server{ fileno $server } = 1;
            $handle{ fileno $_ } = $_ for $client, $server;
        }
        for my $fd (grep { vec $bits, $_, 1 } keys %peer) {
            my $other = $peer{$fd} or next;
            my $n = sysread $handle{$fd}, my $text, 65_536;
            if (!$n) { $drop->($handle{$fd}); next }
            next if $mute{$fd};
            my $end = 0;
            # BindComplete, and behind it the beginning of a COPY without columns
            if ($mode =~ /\Acopy([GHW])\z/ && $from_server{$fd}) {
                my $kind = $1;
                if ($text =~ /2\x00\x00\x00\x04/) {
                    $text = substr($text, 0, $+[0]) . pack 'a N C n', $kind, 7, 0, 0;
                    $mute{$fd} = 1;
                    $mode = 'pass';
                }
            }
            if ($mode eq 'unsynced' && $from_server{$fd} && $text =~ /C\0\0\0\rSELECT 1\0/) {
                $text = substr $text, 0, $+[0];
                $end = 1;
            }
            if ($mode eq 'bytes' && $from_server{$fd}) { syswrite $other, $_ or last for split //, $text }
            else { for (my $at = 0; $at < length $text; ) { $at += syswrite($other, $text, length($text) - $at, $at) || last } }
            if ($end) { $drop->($handle{$fd}); $mode = 'pass' }
        }
    }
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$;
    local ($!, $?);
    close $self->{say};
    kill TERM => $self->{pid};
    waitpid $self->{pid}, 0;
}

1;
