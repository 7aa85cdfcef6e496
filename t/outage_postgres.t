# PostgreSQL is there and does not serve: it refuses, is starting, is full, may only be read, says
# nothing at all, or was restarted behind nginx's back. One line in the log tells of each, one of
# its end, and nobody waits for what cannot come.

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
my $dir = -s $s->home . '/run.path' ? Render::Test::_line($s->home . '/run.path') : $s->home . '/run';
my $proxy = Render::Test::Proxy->new(to => "$dir/.s.PGSQL.5432");
$s->{env}{RENDER_NGINX_PG} = 'host=127.0.0.1&port=' . $proxy->port;
$s->reload;
my $u = $s->signup;

sub get  { $s->req(GET => '/users/me', token => $u->{token}) }
sub put  { $s->req(POST => '/compositions', token => $u->{token}, json => film(seconds => 1)) }
sub list { $s->req(GET => '/jobs', token => $u->{token}) }

sub timed {
    my ($sub) = @_;
    my $began = time;
    my $r = $sub->();
    return ($r, time - $began);
}

my %seen;

# What the log has gained since the last look, by kind.
sub lines {
    my %n;
    my $log = $s->log('nginx-error');
    my $new = substr $log, $seen{log} || 0;
    $seen{log} = length $log;
    $n{$1}++ while $new =~ /render: (PostgreSQL [a-z -]+)/g;
    $n{error}++ while $new =~ /\[error\]/g;
    return \%n;
}

# Refused quickly, 20 times, with a reason; and the proxy was asked for few connections.
sub refused_quickly {
    my ($name, $why, @subs) = @_;
    $proxy->connects;
    my ($slowest, @odd) = (0);
    my $began = time;
    for my $n (0 .. 19) {
        my ($r, $took) = timed($subs[$n % @subs]);
        $slowest = $took if $took > $slowest;
        push @odd, "$r->{status} $r->{body}"
            unless $r->{status} == 503 && $r->{headers}{'retry-after'} && $r->{body} =~ $why;
    }
    is_deeply \@odd, [], "$name: 503, Retry-After and the reason";
    cmp_ok $slowest, '<', 0.25, "$name: within 250 ms";
    my $n = $proxy->connects;
    # 100 ms, 200, 400 ...: half of them at the least
    cmp_ok $n, '<=', 3 + 2 * (time - $began), "$name: few attempts to connect" or diag "$n";
}

sub back {
    my ($name, $within) = @_;
    my $began = time;
    ok eval { wait_until(sub { get()->{status} == 200 && put()->{status} == 202 && list()->{status} == 200 }, 10); 1 },
        "$name: it comes back";
    diag sprintf '%s: back after %.2f s', $name, time - $began;
    cmp_ok time - $began, '<', $within || 5, "$name: soon";
}

back('at first');
lines();

for (
    ['connection refused' => sub { $proxy->refuse }],
    ['starting up' => sub { $proxy->say_postgres('57P03', 'the database system is starting up') }],
    ['too many clients' => sub { $proxy->say_postgres('53300', 'sorry, too many clients already') }],
) {
    my ($name, $break) = @$_;
    subtest $name => sub {
        $break->();
        get();      # one finds out
        refused_quickly($name, qr/the database is away/, \&get, \&put, \&list);
        my $r = ready($s);
        is $r->{status}, 503, '/health/ready says no';
        is $r->{json}{postgres}, 'away', 'because of PostgreSQL';
        like $s->log('nginx-error'), qr/PostgreSQL is away: .*\Q$name\E/i, 'the log says why';
        $proxy->pass;
        back($name);
        my $n = lines();
        is_deeply $n, { 'PostgreSQL is away' => 1, 'PostgreSQL is back' => 1, error => 1 }, 'one line, and one of its end'
            or diag explain $n;
    };
}

subtest 'restarted while nothing happens' => sub {
    # What is in the pool is dead when the next request comes, and that one must not suffer for it.
    my $pids = sub { $s->psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'render_web'") };
    cmp_ok $pids->(), '>=', 3, 'there are connections in each lane';
    my $before = time;
    wait_until(sub { time > $before + 1.1 }, 5);
    for my $round (1 .. 3) {
        $s->psql("SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE usename = 'render_web'");
        my @got = map { $_->()->{status} } \&put, \&list, \&get;
        is_deeply \@got, [202, 200, 200], 'who comes next notices nothing';
        my $until = time + 1.1;
        wait_until(sub { time > $until }, 5);
    }
    $proxy->cut;
    my @got = map { $_->()->{status} } \&put, \&list, \&get;
    is_deeply \@got, [202, 200, 200], 'nor when all is cut';
    is_deeply lines(), {}, 'and the log has nothing to tell';
};

subtest 'no connection more than there are' => sub {
    # Lists have none yet, and get none.
    $proxy->cut;
    is get()->{status}, 200, 'a reader has one';
    is put()->{status}, 202, 'and a writer';
    my $limit = $s->psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'render_web'");
    $s->psql("ALTER ROLE render_web CONNECTION LIMIT $limit");
    my ($r, $took) = timed(\&list);
    is $r->{status}, 503, 'a list has none';
    like $r->{body}, qr/takes no more connections/, 'and is told';
    is get()->{status}, 200, 'reading goes on';
    is put()->{status}, 202, 'writing goes on';
    ok wait_until(sub { list(); $s->log('nginx-error') =~ /takes no more connections: .*too many connections/ }, 6), 'the log says why';
    list() for 1 .. 20;
    $s->psql('ALTER ROLE render_web CONNECTION LIMIT -1');
    back('connections');
    is_deeply lines(), { 'PostgreSQL takes no more connections' => 1, 'PostgreSQL takes connections again' => 1, error => 1 },
        'one line, and one of its end';
};

subtest 'read-only' => sub {
    my $set = sub {
        $s->psql("ALTER SYSTEM SET default_transaction_read_only = $_[0]");
        $s->psql('SELECT pg_reload_conf()');
    };
    $set->('on');
    ok wait_until(sub { put()->{status} == 503 }, 5), 'writing is refused';
    refused_quickly('read-only', qr/the database is read-only at present/, \&put);
    is get()->{status}, 200, 'reading goes on';
    is list()->{status}, 200, 'lists too';
    is $s->req(POST => '/auth/login', json => { email => $u->{email}, password => $u->{password} })->{status}, 200,
        'people can sign in';
    my $r = ready($s);
    is $r->{status}, 503, '/health/ready says no';
    is $r->{json}{postgres}, 'read-only', 'and why';
    $set->('off');
    back('read-only');
    ok wait_until(sub { ready($s)->{status} == 200 }, 5), '/health/ready says yes again';
    my $n = lines();
    is_deeply $n, { 'PostgreSQL is read-only' => 1, 'PostgreSQL can be written again' => 1, error => 1 },
        'one line, and one of its end' or diag explain $n;
};

subtest 'nothing comes any more' => sub {
    get(); put(); list();
    $proxy->stall;
    my $began = time;
    my @waiting = map {
        my $of = $_;
        background(sub { my ($r, $took) = timed($of); sprintf '%d %.2f', $r->{status}, $took })
    } (\&get, \&put) x 4;
    my $first = $waiting[0]->();
    my $known = time - $began;
    like $first, qr/^503 [67]\./, 'the first is told by the deadline';
    wait_until(sub { $s->log('nginx-error') =~ /PostgreSQL is away: (?:no answer in time|connecting timed out)/ }, 3);
    refused_quickly('stalled', qr/the database is away/, \&get, \&put, \&list);
    my @took = map { my $a = $_->(); $a =~ /^503 ([\d.]+)/ ? $1 : diag($a) && 99 } @waiting[1 .. $#waiting];
    is scalar(grep { $_ < 8 } @took), scalar @took, 'and nobody waited for longer than the deadline' or diag "@took";
    $proxy->pass;
    back('stalled');
    is_deeply lines(), { 'PostgreSQL is away' => 1, 'PostgreSQL is back' => 1, error => 1 }, 'one line, and one of its end';
};

$s->stop;
done_testing;
