package Render::Test::Site;

# A web server of strangers, and a name server, each in processes of their own.
#
#   my $site = Render::Test::Site->new(at => ['127.0.0.1', 8000], log => "$dir/log", routes => {
#       '/a' => sub { my ($c, $r) = @_; reply($c, 200, { ETag => '"1"' }, 'bytes') } });
#   my @seen = $site->seen;     # { at, method, target, path, query, header => {} } of each request so far
#
# A route is called in a process of its own, with the connection and the request; the path '*' is for
# all that have none.
#
#   my $names = Render::Test::Site->names(at => ['127.0.0.1', 53], log => "$dir/names",
#       names => { 'a.test' => ['1.2.3.4'], 'b.test' => [['1.2.3.4'], ['5.6.7.8']] });
#
# A name has addresses, of IPv4 and IPv6; where it has lists of them, each question gets the next of the
# lists, and the last one from then on. What is asked is in the log, a line each.

use strict;
use warnings;

use Exporter qw(import);
use Fcntl qw(:flock);
use IO::Socket::IP;
use JSON::PP;
use POSIX ();
use Socket qw(AF_INET AF_INET6 inet_pton);

our @EXPORT = qw(reply);

sub new {
    my ($class, %opt) = @_;
    my $listen = IO::Socket::IP->new(LocalHost => $opt{at}[0], LocalPort => $opt{at}[1], Listen => 64, ReuseAddr => 1)
        or die "listen at @{ $opt{at} }: $@";
    return $class->_begin(\%opt, sub { _serve($listen, \%opt) }, $listen);
}

sub names {
    my ($class, %opt) = @_;
    my $socket = IO::Socket::IP->new(LocalHost => $opt{at}[0], LocalPort => $opt{at}[1], Proto => 'udp') or die "bind at @{ $opt{at} }: $@";
    return $class->_begin(\%opt, sub { _tell($socket, \%opt) }, $socket);
}

sub _begin {
    my ($class, $opt, $run, $socket) = @_;
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        $SIG{PIPE} = 'IGNORE';
        $SIG{$_} = 'DEFAULT' for qw(INT TERM);
        eval { $run->() };
        print STDERR "site: $@" if $@;
        POSIX::_exit(0);
    }
    close $socket;
    return bless { pid => $pid, owner => $$, log => $opt->{log} }, $class;
}

sub seen {
    my ($self) = @_;
    open my $in, '<', $self->{log} or return;
    flock $in, LOCK_SH;
    return map { JSON::PP->new->decode($_) } <$in>;
}

sub DESTROY {
    my ($self) = @_;
    return if $self->{owner} != $$ || !$self->{pid};
    local ($@, $!, $?);
    kill TERM => $self->{pid};
    waitpid delete $self->{pid}, 0;
}

# reply($c, $status, { header => value }, $body): an answer, with its length unless there is a header of it
sub reply {
    my ($c, $status, $headers, $body) = @_;
    my %h = ('Content-Length' => length($body // ''), 'Connection' => 'close', %{ $headers || {} });
    print {$c} "HTTP/1.1 $status Something\r\n", (map {"$_: $h{$_}\r\n"} grep { defined $h{$_} } sort keys %h), "\r\n", $body // '';
    $c->flush;
}

# ---------------------------------------------------------------- in the other processes

sub _note {
    my ($file, $what) = @_;
    open my $out, '>>', $file or die "$file: $!";
    flock $out, LOCK_EX;
    print {$out} JSON::PP->new->canonical->encode($what), "\n";
    close $out;
}

sub _serve {
    my ($listen, $opt) = @_;
    $SIG{CHLD} = 'IGNORE';
    while (1) {
        my $c = $listen->accept or next;
        my $pid = fork;
        next if $pid || !defined $pid;
        # whoever is left alone with a silent client ends with the test
        alarm 120;
        eval { _answer($c, $opt) };
        print STDERR "site: $@" if $@;
        POSIX::_exit(0);
    }
}

sub _answer {
    my ($c, $opt) = @_;
    my $head = '';
    while ($head !~ /\r\n\r\n\z/) {
        my $line = readline $c;
        return unless defined $line;
        $head .= $line;
    }
    my ($method, $target) = $head =~ m{\A(\S+) (\S+) HTTP/1\.1\r\n} or return;
    my %header = map { /\A([^:]+):\s*(.*)\z/ ? (lc $1, $2) : () } split /\r\n/, $head;
    my ($path, $query) = split /\?/, $target, 2;
    my %r = (at => $c->sockhost, method => $method, target => $target, path => $path, query => $query // '', header => \%header);
    _note($opt->{log}, \%r);
    my $route = $opt->{routes}{$path} || $opt->{routes}{'*'} || sub { reply($_[0], 404, {}, "there is no such thing here\n") };
    $route->($c, \%r);
    close $c;
}

sub _tell {
    my ($socket, $opt) = @_;
    my %asked;
    while (1) {
        my $from = $socket->recv(my $q, 4096);
        next unless defined $from && length $q > 12;
        my $i = 12;
        my @labels;
        while ((my $n = ord substr $q, $i, 1) > 0) { push @labels, substr $q, $i + 1, $n; $i += 1 + $n }
        my ($type) = unpack 'n', substr $q, $i + 1, 2;
        my $question = substr $q, 12, $i + 5 - 12;
        my $name = lc join '.', @labels;
        my $has = $opt->{names}{$name};
        my @all = @{ $has || [] };
        if (@all && ref $all[0]) {
            my $n = $asked{$name}{$type}++;
            @all = @{ $all[$n < @all ? $n : -1] };
        }
        my @at = grep { $type == 1 ? !/:/ : $type == 28 ? /:/ : 0 } @all;
        _note($opt->{log}, { name => $name, type => $type, told => \@at }) if $opt->{log};
        my $flags = $has ? 0x8580 : 0x8583;
        my $answer = substr($q, 0, 2) . pack('n5', $flags, 1, scalar @at, 0, 0) . $question;
        $answer .= pack('n3Nn/a', 0xc00c, $type, 1, 0, inet_pton($type == 1 ? AF_INET : AF_INET6, $_)) for @at;
        $socket->send($answer, 0, $from);
    }
}

1;
