package Render::Test::Proxy;

# Stands between nginx and a server, in a process of its own, and does to the connection what
# networks and servers do: nothing more comes, connections are refused or cut, or an error is all
# the server has to say.
#
#   my $p = Render::Test::Proxy->new(to => '/run/x/.s.PGSQL.5432');     # or '127.0.0.1:6379'
#   $p->port;
#   $p->stall; $p->refuse; $p->cut; $p->pass;
#   $p->say_postgres('57P03', 'the database system is starting up');
#   $p->say_redis('LOADING Redis is loading the dataset in memory');
#   $p->connects;       # how many connections were asked for, since the last call

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use IO::Socket::UNIX;
use POSIX ();
use Socket qw(AF_UNIX SOCK_STREAM PF_UNSPEC);

sub new {
    my ($class, %opt) = @_;
    my %self = (to => $opt{to}, host => $opt{host} || '127.0.0.1', mode => 'pass', connects => 0);
    $self{listen} = _listen($self{host}, $opt{port} || 0);
    $self{port} = $self{listen}->sockport;
    socketpair my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die "socketpair: $!";
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        close $ours;
        $SIG{PIPE} = 'IGNORE';
        $SIG{$_} = 'DEFAULT' for qw(INT TERM);
        eval { _serve(\%self, $theirs) };
        print STDERR "proxy: $@" if $@;
        POSIX::_exit(0);        # none of the parent's END blocks and destructors
    }
    close $theirs;
    close $self{listen};
    return bless { control => $ours, pid => $pid, owner => $$, port => $self{port}, host => $self{host} }, $class;
}

sub port { $_[0]{port} }
sub host { $_[0]{host} }

sub pass   { $_[0]->_ask('pass') }
sub stall  { $_[0]->_ask('stall') }
sub refuse { $_[0]->_ask('refuse') }
sub cut    { $_[0]->_ask('cut') }

sub say_postgres {
    my ($self, $code, $text) = @_;
    my $fields = "SFATAL\0VFATAL\0C$code\0M$text\0\0";
    $self->_ask('postgres ' . unpack 'H*', 'E' . pack('N', 4 + length $fields) . $fields);
}

sub say_redis { $_[0]->_ask('redis ' . unpack 'H*', "-$_[1]\r\n") }

sub connects { $_[0]->_ask('count') }

sub _ask {
    my ($self, $line) = @_;
    syswrite $self->{control}, "$line\n";
    my $answer = readline $self->{control};
    die "the proxy is gone\n" unless defined $answer;
    chomp $answer;
    return $answer;
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$ || !$self->{pid};
    local ($@, $!, $?);
    shutdown $self->{control}, 2;       # that ends it; others may have inherited the socket
    waitpid delete $self->{pid}, 0;
}

# ---------------------------------------------------------------- in the other process

sub _listen {
    my ($host, $port) = @_;
    return IO::Socket::INET->new(LocalAddr => $host, LocalPort => $port, Listen => 128, ReuseAddr => 1)
        || die "listen on $host: $@";
}

sub _connect {
    my ($to) = @_;
    return $to =~ m{^/} ? IO::Socket::UNIX->new(Peer => $to) : IO::Socket::INET->new(PeerAddr => $to);
}

sub _drop {
    my ($p, $end) = @_;
    my $other = $p->{peer}{$end};
    for my $gone ($end, defined $other ? $other : ()) {
        delete $p->{ends}{$gone};
        delete $p->{peer}{$gone};
        close $gone;
    }
}

# A list of its own, which does not change under us.
sub _ends { return my @all = values %{ $_[0]{ends} } }

sub _accept {
    my ($p) = @_;
    my $client = $p->{listen}->accept or return;
    $p->{connects}++;
    $p->{ends}{$client} = $client;
    _join($p, $client) if $p->{mode} eq 'pass';
}

# To the server, as late as when something may pass.
sub _join {
    my ($p, $client) = @_;
    my $server = _connect($p->{to}) or return _drop($p, $client);
    $p->{ends}{$server} = $server;
    $p->{peer}{$client} = $server;
    $p->{peer}{$server} = $client;
}

sub _move {
    my ($p, $end) = @_;
    my $n = sysread $end, my $bytes, 65_536;
    return _drop($p, $end) unless $n;
    if ($p->{mode} eq 'pass') {
        my $to = $p->{peer}{$end};
        my $sent = 0;
        while ($sent < $n) {
            my $w = syswrite $to, $bytes, $n - $sent, $sent;
            return _drop($p, $end) unless defined $w;
            $sent += $w;
        }
    }
    elsif ($p->{mode} eq 'postgres') {
        # SSLRequest: no; and then the error
        if ($n == 8 && unpack('x4N', $bytes) == 80_877_103) { syswrite $end, 'N' }
        else { syswrite $end, $p->{text}; _drop($p, $end) }
    }
    else {
        my $commands = () = $bytes =~ /^\*\d+\r$/mg;
        syswrite $end, $p->{text} x $commands;
    }
}

sub _order {
    my ($p, $line) = @_;
    my ($mode, $text) = split ' ', $line;
    if ($mode eq 'count') {
        my $n = $p->{connects};
        $p->{connects} = 0;
        return $n;
    }
    if ($mode eq 'cut' || $mode eq 'refuse' || $mode eq 'postgres' || $mode eq 'redis') {
        $p->{ends}{$_} && _drop($p, $_) for _ends($p);
    }
    return 'done' if $mode eq 'cut';
    $p->{mode} = $mode;
    $p->{text} = pack 'H*', $text if defined $text;
    if ($mode eq 'refuse') { close delete $p->{listen} if $p->{listen} }
    elsif (!$p->{listen})  { $p->{listen} = _listen($p->{host}, $p->{port}) }
    if ($mode eq 'pass') {
        $p->{ends}{$_} && !$p->{peer}{$_} && _join($p, $_) for _ends($p);
    }
    return 'done';
}

sub _serve {
    my ($p, $control) = @_;
    @$p{qw(ends peer)} = ({}, {});
    while (1) {
        my @of = ($control, grep {defined} $p->{listen});
        push @of, _ends($p) if $p->{mode} ne 'stall';
        for my $ready (IO::Select->new(@of)->can_read) {
            if ($ready == $control) {
                sysread $control, my $line, 65_536 or return;
                syswrite $control, _order($p, $line) . "\n";
                last;           # what was ready may be gone
            }
            if ($p->{listen} && $ready == $p->{listen}) { _accept($p) }
            elsif ($p->{ends}{$ready}) { _move($p, $ready) }
        }
    }
}

1;
