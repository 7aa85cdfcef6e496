package Render::Test::Redis;

# A client of Redis for tests that say a lot to it, and the events of a job as a worker tells
# them: by the script of common/rn_progress.c. redis-cli (Render::Test's redis) does for the rest.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Socket::INET;
use JSON::PP;

my $repo = abs_path(dirname(__FILE__) . '/../../../..');
my $json = JSON::PP->new->utf8->canonical;

sub connect {
    my ($class, $port) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Proto => 'tcp') or die "redis: $@";
    my $self = bless { socket => $socket, buffer => '' }, $class;
    ($self->{script}) = $self->all([SCRIPT => 'LOAD', _script()]);
    return $self;
}

# The script's text: the strings of C, one a line.
sub _script {
    open my $in, '<', "$repo/common/rn_progress.c" or die "rn_progress.c: $!";
    my $text = '';
    while (my $line = <$in>) { $text .= $1 if $line =~ /\A"(.*)";?\Z/ }
    $text =~ s/\\n/\n/g;
    $text =~ s/\\(.)/$1/g;
    return $text;
}

# all([command => arguments], ...): their replies, in order; all are sent before one is read.
sub all {
    my ($self, @commands) = @_;
    my $bytes = join '', map {
        my $c = $_;
        join '', '*' . @$c . "\r\n", map { '$' . length($_) . "\r\n$_\r\n" } @$c
    } @commands;
    my $sent = 0;
    while ($sent < length $bytes) {
        my $n = syswrite $self->{socket}, $bytes, 1 << 20, $sent;
        die "redis: $!" unless $n;
        $sent += $n;
    }
    return map { $self->_reply } @commands;
}

sub _reply {
    my ($self) = @_;
    my $line = $self->_take(sub { $self->{buffer} =~ s/\A([^\r]*)\r\n// ? $1 : undef });
    my ($type, $rest) = $line =~ /\A([-+:\$*])(.*)\z/ or die "redis: odd reply $line\n";
    die "redis: $rest\n" if $type eq '-';
    return $rest if $type eq '+' || $type eq ':';
    return undef if $rest < 0;
    return [map { $self->_reply } 1 .. $rest] if $type eq '*';
    my $text = $self->_take(sub { length $self->{buffer} >= $rest + 2 ? substr $self->{buffer}, 0, $rest + 2, '' : undef });
    return substr $text, 0, $rest;
}

sub _take {
    my ($self, $try) = @_;
    while (1) {
        my $got = $try->();
        return $got if defined $got;
        sysread $self->{socket}, $self->{buffer}, 65_536, length $self->{buffer} or die "redis: the connection ended\n";
    }
}

# A command for all(): an event of a job, through the script. Needs job_id and account; run, type,
# status and what else the script knows as they are wanted.
sub progress {
    my ($self, %event) = @_;
    my %update = (run => 1, type => 'progress', status => 'processing', class => 'json2video', weight_done => 0,
        weight_total => 100, kind => 'composition', at => '2026-01-01T00:00:00.000Z', %event);
    my $id = $update{job_id};
    return [EVALSHA => $self->{script}, 2, "progress:$id", "events:$id", $json->encode(\%update)];
}

# The same, an event that is in no stream: what listens gets it, and who comes later does not.
sub publish {
    my ($self, %event) = @_;
    my %doc = (run => 1, type => 'progress', status => 'processing', class => 'json2video', stage => undef, step => undef,
        percent => 0, eta_s => undef, preview_url => undef, blurhash => undef, error => undef, at => '2026-01-01T00:00:00.000Z', %event);
    return [PUBLISH => "job:$doc{job_id}", $json->encode(\%doc)];
}

# One of these again, with an id, where the script has it.
sub publish_as {
    my ($self, $command, $id) = @_;
    return [@$command[0, 1], qq({"id":"$id",) . substr $command->[2], 1];
}

# After SUBSCRIBE: the next message
sub next_told { return $_[0]->_reply->[2] }

# Ids of a job's stream, in order
sub stream {
    my ($self, $job) = @_;
    my ($list) = $self->all([XRANGE => "events:$job", '-', '+']);
    return map { $_->[0] } @$list;
}

1;
