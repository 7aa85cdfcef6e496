# nginx is reloaded and told to quit with everything in flight: who waits gets an answer, old
# processes are gone in time without spinning, and nothing is said at level alert.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(sha256_hex);
use IO::Socket::INET;
use JSON::PP qw(decode_json encode_json);
use Render::Test;
use Render::Test::Faults;
use Test::More;
use Time::HiRes qw(time);

my $s = Render::Test->start(workers => 1, slots => 1, http_conf => 'render_bcrypt_cost 5;');
my $u = $s->signup;
my $asset = heavy_asset($s, $u, 12);

sub master {
    open my $in, '<', $s->home . '/run/nginx.pid' or die $!;
    chomp(my $pid = <$in>);
    return $pid;
}

# Sends HUP and waits until the old processes know; their pids.
sub hup {
    my @old = nginx_workers($s);
    kill HUP => master();
    my %old = map { $_ => 1 } @old;
    wait_until(sub { my @now = nginx_workers($s); @now == 2 && !grep { $old{$_} } @now }, 10, 'new worker processes');
    return @old;
}

sub gone {
    my ($within, $name, @old) = @_;
    my $began = time;
    ok eval { wait_until(sub { !grep { alive($_) } @old }, $within) }, "$name: the old processes are gone within $within s"
        or diag map { open my $c, '<', "/proc/$_/cmdline"; my $l = <$c>; "$_: $l\n" } grep { alive($_) } @old;
    diag sprintf '%s: old processes gone after %.2f s', $name, time - $began;
}

# A request on a connection of its own, its body to be sent by hand.
sub open_request {
    my ($method, $path, %headers) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $s->port) or die "connect: $@";
    $headers{Authorization} ||= "Bearer $u->{token}";
    print {$socket} "$method $path HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n",
        map({"$_: $headers{$_}\r\n"} sort keys %headers), "\r\n";
    $socket->flush;
    return $socket;
}

sub answer {
    my ($socket) = @_;
    local $SIG{ALRM} = sub { die "no answer in 20 s\n" };
    alarm 20;
    my $text = do { local $/; <$socket> };
    alarm 0;
    close $socket;      # nginx waits for that, for a while
    my ($status, $body) = ($text || '') =~ m{\AHTTP/1\.1 (\d+).*?\r\n\r\n(.*)\z}s;
    return { status => $status || 0, body => $body };
}

sub slow_inserts {
    my ($seconds) = @_;
    $s->psql($seconds
        ? "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep($seconds); RETURN NEW; END';"
            . 'GRANT USAGE ON SCHEMA public TO PUBLIC;'
            . 'CREATE TRIGGER slow BEFORE INSERT ON render.composition FOR EACH ROW EXECUTE FUNCTION public.slow()'
        : 'DROP TRIGGER slow ON render.composition; DROP FUNCTION public.slow()');
}

sub in_flight {
    my ($n) = @_;
    wait_until(
        sub {
            $s->psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'render_web' AND state = 'active'") >= $n;
        },
        5, 'a query in flight'
    );
}

subtest 'WebSocket' => sub {
    my $job = submit($s, $u, film(asset => $asset, seconds => 8));
    my @children = mid_render($s, $job);
    freeze(@children);
    my @ws = map { $s->ws("/ws/progress/$job", token => $u->{token}) } 1 .. 8;
    $_->next_message(5) for @ws;
    my $began = time;
    my @old = hup();
    my %codes;
    for my $ws (@ws) {
        my $m = $ws->next_message(5);
        $m = $ws->next_message(5) while $m && $m->{opcode} != Render::Test::WS::CLOSE;
        $codes{ $m ? $m->{code} : 'none' }++;
        $ws->close;
    }
    is_deeply \%codes, { 1012 => 8 }, 'each is closed with 1012';
    gone(3, 'WebSocket', @old);

    # One that never answers the close frame.
    my $mute = $s->ws("/ws/progress/$job", token => $u->{token});
    @old = hup();
    gone(4, 'a mute WebSocket', @old);

    my $again = $s->ws("/ws/progress/$job", token => $u->{token});
    is $again->status, 101, 'a client comes back';
    is decode_json($again->next_message(5)->{payload})->{status}, 'processing', 'and has the state';
    thaw(@children);
    $again->close;
    is $s->wait_job($u->{token}, $job)->{status}, 'completed', 'the job has not noticed';
};

subtest 'a query' => sub {
    slow_inserts(2);
    # Once before, so that the connection it takes has answered something already.
    $s->req(GET => '/users/me', token => $u->{token});
    my $body = encode_json(film(seconds => 1));
    my @sockets = map {
        my $socket = open_request(POST => '/compositions', 'Content-Type' => 'application/json', 'Content-Length' => length $body);
        print {$socket} $body;
        $socket->flush;
        $socket;
    } 1 .. 2;
    in_flight(1);
    my @old = hup();
    my %cpu = map { $_ => cpu_seconds($_) } @old;
    my @answers = map { answer($_) } @sockets;
    my @used = map { cpu_seconds($_) - $cpu{$_} } grep { alive($_) } @old;
    is_deeply [map { $_->{status} } @answers], [202, 202], 'both are answered' or diag map { $_->{body} } @answers;
    cmp_ok $_, '<', 0.2, 'the old process waits without spinning' for @used;
    gone(3, 'query', @old);
    slow_inserts(0);
    for my $a (@answers) {
        is $s->wait_job($u->{token}, decode_json($a->{body})->{job_id})->{status}, 'completed', 'what was asked is done';
    }
};

subtest 'a query on a connection that has answered before' => sub {
    # The very connection of the pool that was idle a moment ago: it counts as idle no more.
    slow_inserts(2);
    my @answers;
    my $body = encode_json(film(seconds => 1));
    # Refused by SQL, it makes the write connection of both processes come up and answer once.
    my $refused = encode_json({ version => 1, timeline => { width => 64, height => 64, fps => 30, tracks => [{ kind => 'video',
        clips => [{ asset => { type => 'video', src => 'asset:00000000-0000-4000-8000-000000000000' }, duration => 1 }] }] } });
    $s->raw("POST /compositions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $u->{token}\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nContent-Length: " . length($refused) . "\r\n\r\n$refused") =~ /422/
        or diag 'not refused' for 1 .. 12;
    my @sockets = map {
        my $socket = open_request(POST => '/compositions', 'Content-Type' => 'application/json', 'Content-Length' => length $body);
        print {$socket} $body;
        $socket->flush;
        $socket;
    } 1 .. 2;
    in_flight(1);
    my @old = hup();
    my %cpu = map { $_ => cpu_seconds($_) } @old;
    @answers = map { answer($_) } @sockets;
    my @used = map { cpu_seconds($_) - $cpu{$_} } grep { alive($_) } @old;
    is_deeply [map { $_->{status} } @answers], [202, 202], 'both are answered' or diag map { $_->{body} } @answers;
    cmp_ok $_, '<', 0.2, 'the old process waits without spinning' for @used;
    gone(3, 'query on a used connection', @old);
    slow_inserts(0);
};

subtest 'an upload' => sub {
    # Meanwhile a job that the old process watched goes on talking on its subscription.
    my $job = submit($s, $u, film(asset => $asset, seconds => 11));
    my @ws = map { $s->ws("/ws/progress/$job", token => $u->{token}) } 1 .. 8;
    $_->next_message(5) for @ws;
    my $bytes = "\x89PNG\r\n\x1a\n" . join '', map { chr(33 + $_ % 90) } 1 .. 300_000;
    my $socket = open_request(POST => '/videos/upload?filename=a.png', 'Content-Type' => 'image/png', 'Content-Length' => length $bytes);
    print {$socket} substr $bytes, 0, 100_000;
    $socket->flush;
    wait_until(sub { $s->psql("SELECT count(*) FROM render.asset WHERE status = 'uploading'") }, 5, 'the upload');
    my @old = hup();
    my %cpu = map { $_ => cpu_seconds($_) } @old;
    my $until = time + 2;
    $_->close for @ws;
    wait_until(sub { time > $until });
    my @busy = grep { alive($_) } @old;
    is scalar @busy, 1, 'one old process stays for the upload';
    my $used = cpu_seconds($busy[0]) - $cpu{ $busy[0] };
    diag sprintf 'an old process used %.2f s of processor in 2 s', $used;
    cmp_ok $used, '<', 0.2, 'and does not spin';
    print {$socket} substr $bytes, 100_000;
    $socket->flush;
    my $r = answer($socket);
    is $r->{status}, 201, 'the upload is answered' or diag $r->{body};
    gone(3, 'upload', @old);
    my $id = eval { decode_json($r->{body})->{id} };
    is $s->psql("SELECT sha256 FROM render.asset WHERE id = '$id'"), sha256_hex($bytes), 'every byte is there';
    is $s->req(POST => "/jobs/$job/cancel", token => $u->{token})->{status}, 200, 'the job is cancelled';
};

subtest 'a login' => sub {
    # a hash under valgrind takes longer than an old process may stay
    my $cost = ($ENV{RENDER_SLOW} // 1) > 1 ? 9 : 12;
    $s->conf(http => "render_bcrypt_cost $cost;");
    $s->reload;
    my $slow = $s->signup;
    my @sockets = map {
        my $body = encode_json({ email => $slow->{email}, password => $slow->{password} });
        my $socket = open_request(POST => '/auth/login', 'Content-Type' => 'application/json', 'Content-Length' => length $body);
        print {$socket} $body;
        $socket->flush;
        $socket;
    } 1 .. 4;
    my $mail = 'second.' . $slow->{email};
    my $body = encode_json({ email => $mail, password => $slow->{password} });
    my $signup = open_request(POST => '/auth/signup', 'Content-Type' => 'application/json', 'Content-Length' => length $body);
    print {$signup} $body;
    $signup->flush;
    my @old = hup();
    is_deeply [map { answer($_)->{status} } @sockets], [(200) x 4], 'each who signs in is let in';
    is answer($signup)->{status}, 201, 'who signs up has an account';
    gone(3, 'login', @old);
    $s->conf(http => 'render_bcrypt_cost 5;');
    $s->reload;
};

subtest 'twenty reloads under load' => sub {
    # Under valgrind a new process may have no database within the two seconds that a request waits
    # for one: then it says so, and is asked again as it said.
    my %soon = ($ENV{RENDER_SLOW} || 1) > 4 ? (503 => 1) : ();
    my $stop = $s->home . '/run/enough';
    my @load = map {
        my $n = $_;
        background(
            sub {
                my ($count, %odd) = (0);
                while (!-e $stop) {
                    my $r = $n == 1 ? $s->req(GET => '/users/me', token => $u->{token})
                        : $n == 2 ? $s->req(POST => '/compositions', token => $u->{token}, json => film(seconds => 1))
                        :           $s->req(GET => '/jobs?limit=2', token => $u->{token});
                    $count++;
                    $odd{ $r->{status} . ($r->{status} == 599 ? " $r->{body}" : '') }++ if $r->{status} > 299 && !$soon{ $r->{status} };
                    select undef, undef, undef, 0.02;       # a light load
                }
                return encode_json({ count => $count, odd => \%odd });
            }
        );
    } 1 .. 3;
    my $began = time;
    my %all;
    for (1 .. 20) { $all{$_} = 1 for hup() }
    diag sprintf '20 reloads in %.2f s', time - $began;
    open my $out, '>', $stop or die $!;
    close $out;
    my @seen = map { decode_json($_->()) } @load;
    my ($count, %odd) = (0);
    for my $l (@seen) { $count += $l->{count}; $odd{$_} += $l->{odd}{$_} for keys %{ $l->{odd} } }
    diag "$count requests meanwhile";
    cmp_ok $count, '>', %soon ? 5 : 20, 'there was load';
    is_deeply \%odd, {}, 'and every request was answered';
    gone(12, '20 reloads', keys %all);
    is ready($s)->{status}, 200, 'nginx is ready afterwards';
    ok wait_until(
        sub { $s->psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'render_web'") <= 8 }, 5),
        'old processes keep no connection to the database';
};

subtest 'quit under load' => sub {
    slow_inserts(1);
    my @pending = map { background(sub { $s->req(POST => '/compositions', token => $u->{token}, json => film(seconds => 1))->{status} }) } 1 .. 3;
    my $ws_job = submit($s, $u, film(asset => $asset, seconds => 6));
    my $ws = $s->ws("/ws/progress/$ws_job", token => $u->{token});
    $ws->next_message(5);
    push @pending, background(sub { $s->req(POST => '/compositions', token => $u->{token}, json => film(seconds => 1))->{status} });
    in_flight(1);
    my $began = time;
    $s->stack(qw(stop nginx));
    diag sprintf 'quit after %.2f s', time - $began;
    cmp_ok time - $began, '<', 9, 'nginx quits by itself';
    is_deeply [map { $_->() } @pending], [(202) x 4], 'who waited has an answer';
    my $m;
    $m = $ws->next_message(2) until !$ws || ($m && $m->{opcode} == Render::Test::WS::CLOSE) || $ws->eof;
    is $m && $m->{code}, 1012, 'the WebSocket was closed with 1012';
    slow_inserts(0);
};

subtest 'started while PostgreSQL and Redis are down' => sub {
    $s->stack('stop', $_) for qw(worker redis postgres);
    $s->stack(qw(start nginx));
    is $s->req(GET => '/health')->{status}, 200, '/health answers';
    my $r = ready($s);
    is $r->{status}, 503, '/health/ready does not say yes';
    is $r->{json}{postgres}, 'away', 'and names PostgreSQL';
    is $r->{json}{redis}, 'away', 'and Redis';
    is $s->req(GET => '/users/me', token => $u->{token})->{status}, 503, 'what needs the database answers 503';
    $s->stack('start', $_) for qw(postgres redis worker);
    my $began = time;
    ok eval { wait_until(sub { ready($s)->{status} == 200 }, 8) }, 'it recovers by itself';
    diag sprintf 'ready %.2f s after the rest was', time - $began;
    is $s->req(GET => '/users/me', token => $u->{token})->{status}, 200, 'and works';
};

$s->stop;
done_testing;
