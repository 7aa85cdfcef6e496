package Render::Test::Events;

# Tells events of a job as a worker does: by the one script of common/rn_progress.c, over a
# connection to Redis of its own; and knows what was told.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Socket::INET;
use JSON::PP qw(encode_json);
use Socket qw(IPPROTO_TCP TCP_NODELAY);

my $source = abs_path(dirname(__FILE__) . '/../../../..') . '/common/rn_progress.c';

sub new {
    my ($class, $s) = @_;
    my $port = Render::Test::_line($s->home . '/redis/port');
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or die "Redis: $@";
    $socket->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
    my $self = bless { socket => $socket, ids => {}, told => {} }, $class;
    $self->{sha} = $self->call('SCRIPT', 'LOAD', _script());
    return $self;
}

# The script as the source has it
sub _script {
    my ($body) = Render::Test::_read($source) =~ /rn_progress_script\[\] =\n(.*?);\n\z/s or die "$source: no script";
    my $script = join '', $body =~ /^"(.*)"$/mg;
    $script =~ s/\\(n|"|\\)/$1 eq 'n' ? "\n" : $1/ge;
    return $script;
}

# call(@words): a command; its answer
sub call {
    my ($self, @words) = @_;
    print { $self->{socket} } '*' . @words . "\r\n" . join '', map { '$' . length($_) . "\r\n$_\r\n" } @words;
    $self->{socket}->flush;
    return $self->_reply;
}

sub _reply {
    my ($self) = @_;
    my $in = $self->{socket};
    my $line = <$in> // die "Redis: the connection ended\n";
    $line =~ s/\r\n\z//;
    my ($type, $rest) = (substr($line, 0, 1), substr $line, 1);
    die "Redis: $rest\n" if $type eq '-';
    return $rest if $type eq '+' || $type eq ':';
    if ($type eq '$') {
        return if $rest < 0;
        read $in, my $text, $rest + 2;
        return substr $text, 0, $rest;
    }
    return [map { $self->_reply } 1 .. $rest];
}

# tell($job, %members): one event; each tells of a little more progress
sub tell {
    my ($self, $job, %more) = @_;
    my $n = ++$self->{told}{$job};
    my $r = $self->call('EVALSHA', $self->{sha}, 2, "progress:$job", "events:$job", encode_json({
        job_id => $job, account => '00000000-0000-4000-8000-000000000000', kind => 'composition', run => 1, type => 'progress',
        status => 'queued', stage => 'render_segment', step => "$n/100000", weight_done => $n, weight_total => 100_000,
        at => '2026-01-01T00:00:00.000Z', subject => undef, error => undef, class => 'json2video', %more }));
    die "the script answers $r\n" if $r < 0;
}

# collect(@jobs): notes what their streams hold that was not known
sub collect {
    my ($self, @jobs) = @_;
    for my $job (@jobs) {
        my $ids = $self->{ids}{$job} ||= [];
        push @$ids, map { $_->[0] } @{ $self->call('XRANGE', "events:$job", @$ids ? "($ids->[-1]" : '-', '+') };
    }
}

# { job => [ids in order] }, as far as collected
sub ids { $_[0]{ids} }

1;
