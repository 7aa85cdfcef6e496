# Redis is there and does not serve: it refuses, is loading, is a replica, is full, wants a
# password, or hangs. REST answers as usual, one line in the log tells of each and one of its end,
# and what happened in a moment without a link is told and rung all the same.

use strict;
use warnings;

use lib 't/lib';
use Render::Test;
use Render::Test::Faults;
use Render::Test::Proxy;
use Test::More;
use Time::HiRes qw(time);

# One process, so that each line is looked for once.
my $s = Render::Test->start(worker => 0, nginx_workers => 1, http_conf => 'render_bcrypt_cost 4;');
my ($port) = $s->env->{REDIS_URL} =~ /:(\d+)/;
my $proxy = Render::Test::Proxy->new(to => "127.0.0.1:$port");
$s->{env}{RENDER_NGINX_REDIS} = '127.0.0.1:' . $proxy->port;
$s->reload;
my $u = $s->signup;
wait_until(sub { ready($s)->{status} == 200 }, 5);

sub put { $s->req(POST => '/compositions', token => $u->{token}, json => film(seconds => 1)) }

# Bells of all queues
sub bells {
    my $n = 0;
    $n += $s->redis('XLEN', $_) for map {"queue.json2video.$_"} qw(high default low);
    return $n;
}

my $read = 0;

# What the log has gained since the last look, by kind.
sub lines {
    my %n;
    my $log = $s->log('nginx-error');
    my $new = substr $log, $read;
    $read = length $log;
    $n{$1}++ while $new =~ /render: (Redis is [a-z]+|Redis:.*)/g;
    $n{error}++ while $new =~ /\[(?:error|warn)\]/g;
    return \%n;
}

# The reason of the outage that was told last.
sub away { ($s->log('nginx-error') =~ /Redis is away: (.*)/g)[-1] || '' }

sub works {
    my ($name) = @_;
    my ($slowest, @odd) = (0);
    for (1 .. 5) {
        my $began = time;
        my $job = put();
        push @odd, "$job->{status} $job->{body}" if $job->{status} != 202;
        my $r = $s->req(GET => "/jobs/$job->{json}{job_id}", token => $u->{token});
        push @odd, "$r->{status} $r->{body}" if $r->{status} != 200;
        my $took = time - $began;
        $slowest = $took if $took > $slowest;
    }
    is_deeply \@odd, [], "$name: REST answers as usual";
    cmp_ok $slowest, '<', 1, "$name: quickly";
}

my $job = put()->{json}{job_id};
is bells(), 1, 'a bell is rung';
lines();

for (
    # the reason is what is seen first: an answer that was awaited just then is cut off
    ['connection refused' => qr/Connection (?:refused|reset)/, sub { $proxy->refuse }, sub { $proxy->pass }],
    ['loading' => qr/LOADING/, sub { $proxy->say_redis('LOADING Redis is loading the dataset in memory') }, sub { $proxy->pass }],
    ['out of step' => qr/says more than it was asked|LOADING/, sub { $proxy->say_redis("LOADING me\r\n" . "+OK\r\n" x 50 . '+OK') }, sub { $proxy->pass }],
    ['a replica' => qr/READONLY/, sub { $s->redis(qw(REPLICAOF 127.0.0.1 1)) }, sub { $s->redis(qw(REPLICAOF NO ONE)) }],
    ['full' => qr/OOM/, sub { $s->redis(qw(CONFIG SET maxmemory 1)) }, sub { $s->redis(qw(CONFIG SET maxmemory 0)) }],
    ['a password' => qr/NOAUTH/, sub { $s->redis(qw(CONFIG SET requirepass x)); $proxy->cut },
        sub { $s->redis('-a', 'x', '--no-auth-warning', qw(CONFIG SET requirepass), '') }],
) {
    my ($name, $why, $break, $mend) = @$_;
    subtest $name => sub {
        # A link that does not last is another story.
        wait_until(sub { ready($s)->{status} == 200 }, 8, 'the link');
        my $until = time + 1.2;
        wait_until(sub { time > $until }, 5);
        $break->();
        put();      # one finds out
        ok wait_until(sub { away() =~ $why }, 8), 'the log says why';
        $proxy->connects;
        my $began = time;
        works($name);
        wait_until(sub { time > $began + 0.8 }, 5);
        my $n = $proxy->connects;
        cmp_ok $n, '<=', 4 + 2 * (time - $began), "$name: few attempts to connect" or diag $n;
        my $r = ready($s);
        is $r->{status}, 503, '/health/ready says no';
        is $r->{json}{redis}, 'away', 'because of Redis';
        is $r->{json}{postgres}, 'ok', 'not of PostgreSQL';
        $mend->();
        $began = time;
        ok wait_until(sub { ready($s)->{status} == 200 }, 8), 'it is back';
        diag sprintf '%s: back after %.2f s', $name, time - $began;
        cmp_ok time - $began, '<', 5, 'soon';
        my $bells = bells();
        put();
        ok wait_until(sub { bells() > $bells }, 2), 'and rung again';
        is_deeply lines(), { 'Redis is away' => 1, 'Redis is back' => 1, error => 1 }, 'one line, and one of its end';
    };
}

subtest 'a moment without a link' => sub {
    my $bells = bells();
    # The first moments of a new process, made longer.
    $proxy->stall;
    $s->reload;
    is $s->req(POST => '/compositions', token => $u->{token}, json => film(seconds => 1))->{status}, 202, 'a job is taken';
    is bells(), $bells, 'its bell cannot be rung';
    $proxy->pass;
    ok wait_until(sub { bells() == $bells + 1 }, 3), 'until there is a link';
    wait_until(sub { ready($s)->{status} == 200 }, 5);
    is_deeply lines(), {}, 'which is nothing to talk about';
};

subtest 'hanging' => sub {
    my $job = put()->{json}{job_id};
    $proxy->stall;
    my $began = time;
    my ($slowest, $last) = (0, 0);
    my $known;
    # Each waits half a second for the finer progress, until it is known that none will come.
    while (time < $began + 8 && !$known) {
        my $asked = time;
        is $s->req(GET => "/jobs/$job", token => $u->{token})->{status}, 200, 'GET works';
        $last = time - $asked;
        $slowest = $last if $last > $slowest;
        $known = away() =~ /no answer in time/;
    }
    diag sprintf 'known after %.2f s', time - $began;
    ok $known, 'it is noticed' and cmp_ok time - $began, '<', 5, 'soon';
    cmp_ok $slowest, '<', 1, 'and nobody waited for long';
    works('hanging');
    $proxy->pass;
    ok wait_until(sub { ready($s)->{status} == 200 }, 8), 'it is back';
    is_deeply lines(), { 'Redis is away' => 1, 'Redis is back' => 1, error => 1 }, 'one line, and one of its end';
};

$s->stop;
done_testing;
