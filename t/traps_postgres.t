# What goes wrong between nginx and PostgreSQL (docs/traps.md): addresses that refuse, rows that come
# a byte at a time, a connection that ends before it is known whether something was done, clients
# that leave at any moment, more to do than there are connections for.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP qw(decode_json encode_json);
use Render::Test;
use Render::Test::Daemon;
use Render::Test::Faults;
use Render::Test::Wire;
use Test::More;
use Time::HiRes qw(time);

my $s = Render::Test->start(worker => 0, nginx_workers => 1, http_conf => 'render_bcrypt_cost 5;');
my $u = $s->signup;
my $url = $s->env->{DATABASE_URL_WEB};
my ($password) = $url =~ m{://render_web:(\w+)@} or die $url;
my $proxy = Render::Test::Wire->start($s->pg_socket);

# Two addresses, of which the first refuses: nobody listens at a port that was free a moment ago.
my $closed = free_port();
my $port = $proxy->port;
my $nginx = Render::Test::Daemon->start($s, main => [$url =>
    "postgresql://render_web:$password\@/render?hostaddr=127.0.0.1,127.0.0.1&port=$closed,$port&sslmode=prefer"]);

my %json = (token => $u->{token}, headers => { 'Content-Type' => 'application/json' });

sub post {
    my ($film, %more) = @_;
    return $nginx->request(POST => '/compositions', %json, body => encode_json($film), headers => { %{ $json{headers} }, %more });
}

sub sleepy {
    my ($seconds) = @_;
    $s->psql($seconds
        ? "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep($seconds); RETURN NEW; END';"
            . 'GRANT USAGE ON SCHEMA public TO PUBLIC;'
            . 'CREATE TRIGGER slow BEFORE INSERT ON render.composition FOR EACH ROW EXECUTE FUNCTION public.slow()'
        : "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'render_web' AND wait_event = 'PgSleep';"
            . 'DROP TRIGGER slow ON render.composition; DROP FUNCTION public.slow()');
}

sub sleeping { $s->psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") }

# On the connections for reading and on that for writing.
sub back {
    wait_until(sub { ($nginx->request(GET => '/users/me', token => $u->{token}))[0] == 200
        && ($nginx->request(DELETE => '/compositions/00000000-0000-4000-8000-000000000000', token => $u->{token}))[0] == 404 },
        10, 'PostgreSQL');
}

sub metric {
    my ($name) = @_;
    my ($status, $text) = $nginx->request(GET => '/metrics');
    return $status == 200 && $text =~ /^\Q$name\E (\S+)$/m ? $1 : undef;
}

subtest 'two addresses, the first of which refuses' => sub {
    is +($nginx->request(GET => '/users/me', token => $u->{token}))[0], 200, 'the second is used';
    is +(post(film(seconds => 1)))[0], 202, 'by another connection too';
    cmp_ok $proxy->accepted, '>=', 2, 'by way of the proxy';
    my ($worker) = $nginx->workers($nginx->master, 1);
    my $used = cpu_seconds($worker);
    my $until = time + 2;
    wait_until(sub { time > $until });
    cmp_ok cpu_seconds($worker) - $used, '<', 0.03, 'and nothing spins afterwards';
};

subtest 'a long row, a byte at a time' => sub {
    my $film = film(seconds => 1);
    $film->{timeline}{tracks}[0]{clips} = [map {
        { asset => { type => 'color', color => sprintf '#%06x', $_ }, start => $_, duration => 1 } } 1 .. 1000];
    my ($status, $body) = post($film);
    is $status, 202, 'a film with a thousand clips';
    my $id = decode_json($body)->{composition_id};
    $proxy->mode('bytes');
    my $get = background(
        sub {
            my ($began, $status, $text) = (time, $nginx->request(GET => "/compositions/$id", token => $u->{token}));
            sprintf '%d %d %.3f', $status, length $text, time - $began;
        }
    );
    my @took;
    my $until = time + 20;
    my ($read, $answer) = (0);
    while (time < $until) {
        my $began = time;
        my ($status) = $nginx->request(GET => '/health');
        push @took, $status == 200 ? time - $began : 99;
        # Over when the query is; the answer itself is of one piece.
        last if @took >= 20 && !$s->psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'render_web' AND state = 'active'")
            && metric('render_pg_queries_in_progress') == 0;
    }
    $proxy->mode('pass');
    like my $said = $get->(), qr/\A200 [6-9]\d{4,} /, 'comes whole';
    @took = sort { $a <=> $b } @took;
    diag sprintf 'the row: %s; others meanwhile: median %.1f ms, longest %.1f ms', $said, 1000 * $took[@took / 2], 1000 * $took[-1];
    cmp_ok $took[@took / 2], '<', 0.05, 'and holds up nobody';
};

subtest 'one that fails does not poison the next' => sub {
    my @each = map {
        my $n = $_;
        background(
            sub {
                my %seen;
                for (1 .. 20) {
                    # Bytes that are no UTF-8: PostgreSQL refuses the whole statement.
                    $seen{ (post(film(seconds => 1), $n % 2 ? ('Idempotency-Key' => "\xff$_") : ()))[0] }++;
                }
                return join ' ', map {"$_:$seen{$_}"} sort keys %seen;
            }
        );
    } 1 .. 4;
    is_deeply [map { $_->() } @each], ['422:20', '202:20', '422:20', '202:20'], 'side by side on one connection';
    my @begin = grep { Render::Test::_read($_) =~ /"\s*(?:BEGIN|COMMIT|ROLLBACK)\b/i } glob 'ngx_module/*.c';
    is_deeply \@begin, [], 'no statement opens a transaction that outlives it';
};

subtest 'cut off before it is known' => sub {
    back();
    my $before = $s->psql('SELECT count(*) FROM render.composition');
    my $film = film(seconds => 1);
    post(film(seconds => 1));
    $before++;
    $proxy->mode('unsynced');
    my ($status, $body) = post($film, 'Idempotency-Key' => 'once');
    is $status, 503, 'done, but the word of it is lost' or diag $body;
    like $body, qr/not known/, 'and that is said';
    back();
    ($status, $body) = post($film, 'Idempotency-Key' => 'once');
    is $status, 202, 'asked again by the same key' or diag $body;
    is $s->psql('SELECT count(*) FROM render.composition'), $before + 1, 'it is done once';
};

subtest 'an answer that is a COPY' => sub {
    my %kind = (H => 'out', G => 'in', W => 'both ways');
    for my $letter (sort keys %kind) {
        back();
        my $before = $proxy->accepted;
        $proxy->mode("copy$letter");
        my ($status, $body) = post(film(seconds => 1));
        is $status, 503, "$kind{$letter}: who writes is told that it is not known" or diag $body;
        like $body, qr/not known/, 'in words';
        back();
        $proxy->mode("copy$letter");
        is +($nginx->request(GET => '/users/me', token => $u->{token}))[0], 200, "$kind{$letter}: what is read is asked again";
        cmp_ok $proxy->accepted, '>=', $before + 2, 'each on another connection';
    }
};

subtest 'what it was asked by a client who left' => sub {
    back();
    sleepy(1);
    my $logged = () = $s->log('nginx-access') =~ /"status":499/g;
    my $film = film(seconds => 1, title => 'Left alone');
    my $socket = $nginx->dial;
    $nginx->ask($socket, POST => '/compositions', %json, body => encode_json($film));
    wait_until(sub { sleeping() }, 5, 'the query');
    close $socket;
    wait_until(sub { (() = $s->log('nginx-access') =~ /"status":499/g) > $logged }, 5, 'nginx to notice');
    my $of = "SELECT t.job || ' ' || t.id FROM render.task t JOIN render.job j ON j.id = t.job"
        . " JOIN render.composition c ON c.id = j.subject WHERE c.title = 'Left alone' AND t.status = 'ready'";
    is $s->psql($of), '', 'has not been done when it is gone';
    my ($job, $task) = split ' ', wait_until(sub { $s->psql($of) }, 5, 'the task');
    my $rung = eval { wait_until(sub { grep { $s->redis(XRANGE => $_, '-', '+') =~ /$job\s+task_id\s+$task/ }
        split ' ', $s->redis(KEYS => 'queue.*') }, 3) };
    ok $rung, 'is done, and its task announced to the workers';
    ok eval { wait_until(sub { $s->redis(XRANGE => "events:$job", '-', '+') =~ /"status":"queued"/ }, 3) }, 'its event told';
    sleepy(0);
};

subtest 'clients that leave, at any moment' => sub {
    back();
    sleepy(1);
    my $logged = () = $s->log('nginx-access') =~ /"status":499/g;
    my @sockets;
    for (1 .. 20) {
        my $socket = $nginx->dial;
        $nginx->ask($socket, POST => '/compositions', %json, body => encode_json(film(seconds => 1)));
        push @sockets, $socket;
        select undef, undef, undef, 0.05;
        close shift @sockets if @sockets > 3;
    }
    close $_ for @sockets;
    my $early = 0;
    wait_until(sub { $early = (() = $s->log('nginx-access') =~ /"status":499/g) - $logged; $early >= 19 }, 10, 'them to be noticed');
    ok sleeping(), 'they are noticed before their queries end';
    sleepy(0);
    back();
    ok wait_until(sub { metric('render_pg_queries_in_progress') == 0 }, 10), 'nothing of them stays';
};

subtest 'more than there are connections for' => sub {
    back();
    sleepy(1);
    my $busy = metric('render_pg_errors_total{kind="busy"}');
    my $began = time;
    my @sockets = map {
        my $socket = $nginx->dial;
        $nginx->ask($socket, POST => '/compositions', %json, body => encode_json(film(seconds => 1)));
        $socket;
    } 1 .. 40;
    my @took;
    for (1 .. 20) {
        my $at = time;
        my ($status) = $nginx->request(GET => '/users/me', token => $u->{token});
        push @took, $status == 200 ? time - $at : 99;
    }
    @took = sort { $a <=> $b } @took;
    cmp_ok $took[10], '<', 0.05, 'who reads does not wait for those who write';
    my %seen;
    $seen{ (Render::Test::Daemon::answer($_, 15))[0] }++ for @sockets;
    diag sprintf '%s after %.1f s', join(', ', map {"$seen{$_} times $_"} sort keys %seen), time - $began;
    is_deeply [sort keys %seen], [202, 503], 'some are served, some refused';
    cmp_ok time - $began, '<', 9, 'within the deadline';
    cmp_ok metric('render_pg_errors_total{kind="busy"}'), '>', $busy, 'and counted';
    sleepy(0);
};

subtest 'no storm when it is away' => sub {
    back();
    $proxy->mode('refuse');
    $s->psql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'render_web'");
    my $before = $proxy->accepted;
    my ($began, $n, %seen) = (time, 0);
    while (time < $began + 3) {
        $seen{ (($n++ % 2 ? $nginx->request(GET => '/users/me', token => $u->{token}) : post(film(seconds => 1))))[0] }++;
    }
    my $tries = $proxy->accepted - $before;
    diag "$n requests and $tries attempts to connect in 3 s";
    cmp_ok $n, '>', 100, 'many ask';
    cmp_ok $seen{503} // 0, '>=', $n - 4, 'and are told';
    # Pauses of 0.1, 0.2, 0.4 s ... of each of three connections
    cmp_ok $tries, '<=', 21, 'few attempts are made';
    $proxy->mode('pass');
    $began = time;
    back();
    cmp_ok time - $began, '<', 6, 'it is back soon';
};

ok $nginx->stop, 'nginx quits';
$s->stop;
done_testing;
