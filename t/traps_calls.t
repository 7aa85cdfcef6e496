# What nginx's processes may not do (docs/traps.md): close what is not theirs, look for names, wait for
# a disk or parse large documents on the event loop, leave descriptors open, spin. A library that is
# loaded before all others writes down each such call.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP qw(decode_json encode_json);
use Render::Test;
use Render::Test::Daemon;
use Render::Test::Events;
use Render::Test::Faults;
use Render::Test::Form;
use Render::Test::Wire;
use Socket ();
use Test::More;
use Time::HiRes qw(time);

my $s = Render::Test->start(worker => 0, nginx_workers => 1, http_conf => 'render_bcrypt_cost 5;');
my $u = $s->signup;
my $token = $u->{token};
my $witness = $s->home . '/run/witness';

# The library; nginx's processes are another user than we are.
my $so = "$witness.so";
my @gcc = ('gcc', qw(-shared -fPIC -O1 -Wall -Wextra -Werror -o), $so, 't/lib/Render/Test/witness.c', '-ldl');
my ($code, $out) = Render::Test::_run({ merge => 1 }, @gcc);
is $code, 0, 'a witness' or diag $out;
chmod 0755, $so;
Render::Test::_write($witness, '');
chmod 0666, $witness;

# PostgreSQL and Redis by a name, where it stands for the address at which they are.
my $proxy = Render::Test::Wire->start($s->pg_socket);
my ($first) = (Socket::getaddrinfo('localhost', 80, { socktype => Socket::SOCK_STREAM() }))[1];
my $name = $first && $first->{family} == Socket::AF_INET() ? 'localhost' : '127.0.0.1';
my ($password) = $s->env->{DATABASE_URL_WEB} =~ m{://render_web:(\w+)@};
my @named = ($s->env->{DATABASE_URL_WEB} => "postgresql://render_web:$password\@$name:" . $proxy->port . '/render?sslmode=disable',
    $s->env->{REDIS_URL} => $s->env->{REDIS_URL} =~ s/127\.0\.0\.1/$name/r);

# One process, so that all is asked of the same. error_page and 444: an answer that is none.
# The other port has connections accepted when they have something to read: nobody watches them yet.
my $deferred = free_port();
my $nginx = Render::Test::Daemon->start($s, env => { LD_PRELOAD => $so, RENDER_WITNESS => $witness,
    RENDER_WITNESS_PORT => $s->env->{REDIS_URL} =~ /:(\d+)/ }, main => [
    @named, "events {" => "env RENDER_WITNESS;\nenv RENDER_WITNESS_PORT;\nevents {",
    "    server {\n" => "    server {\n        listen 127.0.0.1:$deferred deferred;\n",
    'location = /metrics {' => <<'CONF' . '        location = /metrics {']);
        location /small/ {
            render_api all;
            render_prefix /small;
            client_max_body_size 1k;
            error_page 400 404 413 503 = @nothing;
        }
        location @nothing { return 444; }
CONF

sub seen {
    my ($what) = @_;
    return grep {/ $what /} split /\n/, Render::Test::_read($witness);
}

sub worker { return ($nginx->workers($nginx->master, 1))[0] }
sub descriptors { my @fd = glob "/proc/$_[0]/fd/*"; return scalar @fd }
sub get { return ($nginx->request(GET => $_[0], token => $token))[0] }

my $job = submit($s, $u, film(seconds => 1));
my $began = time;
is get('/users/me'), 200, 'nginx works so';
is get("/jobs/$job"), 200, 'with jobs';

subtest 'a hundred connections lost' => sub {
    my $events = Render::Test::Events->new($s);
    my $ws = Render::Test::WS->connect('127.0.0.1', $nginx->port, "/ws/progress/$job", { Authorization => "Bearer $token" });
    $ws->next_message(5);
    my $open = descriptors(worker());
    my ($killed, $rounds, %odd) = (0, 0);
    while ($rounds < 25 || $killed < 50 && $rounds < 50) {
        $rounds++;
        my $r = $s->psql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'render_web'");
        $killed += $r;
        # Redis ends all that are not our own; both of nginx come back by themselves.
        $events->call(qw(CLIENT KILL TYPE), $_, qw(SKIPME yes)) for qw(normal pubsub);
        # Whoever comes at that moment takes the number that has just become free.
        my @new = map { $nginx->dial } 1 .. 3;
        $nginx->ask($_, GET => '/health') for @new;
        $odd{ (Render::Test::Daemon::answer($_, 5))[0] }++ for @new;
        my $until = time + 5;
        while (time < $until) {
            my $status = get('/users/me');
            last if $status == 200;
            $odd{$status}++ if $status != 503;
        }
    }
    cmp_ok $killed, '>=', 50, "$killed connections to PostgreSQL, " . 2 * $rounds . " to Redis";
    is_deeply \%odd, { 200 => 3 * $rounds }, 'whoever came meanwhile was served';
    is_deeply [seen('close-ebadf')], [], 'nothing was closed twice';
    ok wait_until(sub { decode_json(($nginx->request(GET => '/health/ready'))[1])->{redis} eq 'ok' }, 10), 'Redis is there again';
    wait_until(sub { get('/users/me') == 200 }, 10);
    my $last;
    wait_until(sub {
        $events->tell($job);
        my $m = $ws->next_message(0.3) or return;
        return $m->{payload} =~ /"type":"progress"/;
    }, 10, 'an event');
    pass 'a WebSocket was open all the time, and goes on';
    $ws->close;
    ok wait_until(sub { descriptors(worker()) <= $open }, 10), 'no descriptor is left open' or diag descriptors(worker()) . " of $open";
};

subtest 'answers that are none' => sub {
    my $open = descriptors(worker());
    my %seen;
    for my $n (1 .. 100) {
        my @r = $n % 2 ? $nginx->request(POST => '/small/compositions', token => $token, body => 'x' x 2000)
            : $nginx->request(POST => '/small/videos/upload', token => $token, body => 'x' x 2000);
        $seen{"$r[0]: $r[1]"}++;
    }
    is_deeply \%seen, { '0: ' => 100 }, 'a body too large ends in 444' or diag explain \%seen;
    ok wait_until(sub { descriptors(worker()) <= $open }, 5), 'no socket is left open' or diag descriptors(worker()) . " of $open";
};

subtest 'disks' => sub {
    my $png = "\x89PNG\r\n\x1a\n" . 'x' x 1_200_000;
    my @how = ([$png, 'image/png'], [form(file('a.png', $png)), 'multipart/form-data; boundary="' . boundary . '"']);
    is +($nginx->request(POST => '/videos/upload', token => $token, body => $_->[0], headers => { 'Content-Type' => $_->[1] }))[0], 201,
        "an upload, $_->[1]" for @how;
    cmp_ok scalar(seen('write')), '>=', 4, 'is written and seen to be';
    cmp_ok scalar(seen('fsync')), '>=', 2, 'and made durable' unless $s->s3;     # which does so itself
    is_deeply [seen('write-in-loop'), seen('fsync-in-loop')], [], 'by threads, never by the event loop';

    my @before = temp_files($s);
    my $stored = $s->psql("SELECT count(*) FROM render.asset WHERE status <> 'uploading'");
    Render::Test::_write("$witness.full", '');
    for my $how (@how) {
        my ($status, $body) = $nginx->request(POST => '/videos/upload', token => $token, body => $how->[0], headers => { 'Content-Type' => $how->[1] });
        is $status, 507, "no room on the disk for $how->[1]" or diag $body;
        like $body, qr/no room/, 'which is said';
    }
    ok wait_until(sub { temp_files($s) == @before }, 5), 'no temporary file is left';
    is $s->psql("SELECT count(*) FROM render.asset WHERE status <> 'uploading'"), $stored, 'nor an asset';
    unlink "$witness.full";
    is +($nginx->request(POST => '/videos/upload', token => $token, body => $png))[0], 201, 'when there is room again it works';
};

subtest 'large documents' => sub {
    my $film = film(seconds => 1);
    $film->{timeline}{tracks}[0]{clips} = [map {
        { asset => { type => 'color', color => sprintf '#%06x', $_ }, start => $_, duration => 1 } } 1 .. 1500];
    my $id = decode_json(($nginx->request(POST => '/compositions', token => $token, body => encode_json(film(seconds => 1))))[1])->{composition_id};
    my $padding = ' ' x 70_000;
    my %each = (
        'a composition' => [202, POST => '/compositions', encode_json($film)],
        'a config'      => [202, PATCH => "/compositions/$id", encode_json({ config => $film })],
        'a job'         => [202, POST => '/jobs', encode_json({ kind => 'composition', composition => $film })],
        'no config'     => [200, PATCH => "/compositions/$id", qq({"title":"A film"$padding})],
        'no document'   => [202, POST => '/jobs', qq({"kind":"composition","composition_id":"$id"$padding})],
        'no JSON'       => [400, PATCH => "/compositions/$id", qq({"title":$padding})],
        'bad ones'      => [422, POST => '/jobs', encode_json({ kind => 'composition', composition => { x => $padding } })],
    );
    for my $what (sort keys %each) {
        my ($expect, $method, $path, $body) = @{ $each{$what} };
        my $before = seen('json');
        my ($status, $text) = $nginx->request($method, $path, token => $token, headers => { 'Content-Type' => 'application/json' }, body => $body);
        is $status, $expect, $what or diag $text;
        cmp_ok scalar(seen('json')), '>', $before, 'is parsed by a thread';
    }
    is_deeply [seen('json-in-loop')], [], 'and none by the event loop';
};

subtest 'a client that cannot be watched' => sub {
    my $ask = sub {
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $deferred) or die "connect: $@";
        $nginx->ask($socket, POST => '/compositions', token => $token, headers => { 'Content-Type' => 'application/json' },
            body => encode_json(film(seconds => 1)));
        return (Render::Test::Daemon::answer($socket, 10))[0];
    };
    is $ask->(), 202, 'one that can is served';
    my $made = $s->psql('SELECT count(*) FROM render.composition');
    my $known = () = $s->log('nginx-error') =~ /epoll_ctl/g;
    $s->allow_alerts(qr/epoll_ctl\(1, \d+\) failed \(12: /);
    Render::Test::_write("$witness.deaf", '');
    my $status = $ask->();
    unlink "$witness.deaf";
    is $status, 500, 'one that cannot is told so';
    cmp_ok scalar(() = $s->log('nginx-error') =~ /epoll_ctl/g), '>', $known, 'for that reason';
    is $ask->(), 202, 'the next one is served';
    wait_until(sub { ($nginx->request(GET => '/metrics'))[1] =~ /^render_pg_queries_in_progress 0$/m }, 10, 'all queries');
    is $s->psql('SELECT count(*) FROM render.composition'), $made + 1, 'and nothing was done for who was refused';
};

subtest 'nothing to do' => sub {
    my @ws = map { Render::Test::WS->connect('127.0.0.1', $nginx->port, "/ws/progress/$job", { Authorization => "Bearer $token" }) } 1 .. 5;
    $_->next_message(5) for @ws;
    my $pid = worker();
    my $until = time + 0.5;
    wait_until(sub { time > $until });
    my ($used, $at) = (cpu_seconds($pid), time);
    $until = time + 4;
    wait_until(sub { time > $until });
    # The clock of processes ticks a hundred times a second.
    my $share = (cpu_seconds($pid) - $used) / (time - $at);
    cmp_ok $share, '<=', 0.011, sprintf 'with all its connections open it uses %.1f %% of a processor', 100 * $share;
    $_->close for @ws;
};

subtest 'names and symbols' => sub {
    my %worker = map { $_ => 1 } $nginx->workers($nginx->master);
    SKIP: {
        skip 'localhost is another address here', 1 if $name ne 'localhost';
        cmp_ok scalar(seen('getaddrinfo-in-loop')), '>=', 1, 'names are looked for by who reads the configuration';
    }
    is_deeply [grep { my ($pid) = /\A(\d+)/; $worker{$pid} } seen('getaddrinfo-in-loop')], [], 'and by no event loop';
    my $module = ($ENV{RENDER_BUILD} || 'build') . '/ngx_http_render_module.so';
    my ($code, $text) = Render::Test::_run({}, qw(nm -D), $module);
    is $code, 0, 'the symbols of the module';
    is_deeply [$text =~ /\b(redis\w+|sds\w+)$/mg], [], 'none of hiredis is for others, or taken from them';
};

subtest 'bells of a process that quits' => sub {
    my $rung = sub { $s->redis('XLEN', 'queue.json2video.default') };
    my $before = $rung->();
    my ($pid) = worker();
    Render::Test::_write("$witness.jam", '');
    my ($status) = $nginx->request(POST => '/compositions', token => $token, body => encode_json(film(seconds => 2)),
        headers => { 'Content-Type' => 'application/json' });
    is $status, 202, 'a job is made while Redis takes nothing';
    kill QUIT => $nginx->master;
    ok wait_until(sub { !IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $nginx->port) }, 10), 'nginx quits';
    is $rung->(), $before, 'its bell has not been rung';
    unlink "$witness.jam";
    ok wait_until(sub { !alive($pid) }, 10), 'the process is gone soon';
    is $rung->(), $before + 1, 'when it had rung';
};

ok $nginx->stop, 'nginx quits';
is_deeply [seen('close-ebadf')], [], 'and closes nothing twice';
$s->stop;
done_testing;
