# The life of nginx's processes, apart from reloads (reload.t): another binary in its place and back
# again, a process that is killed, a client that outlives worker_shutdown_timeout, an end at once.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP qw(decode_json encode_json);
use Render::Test;
use Render::Test::Crowd;
use Render::Test::Daemon;
use Render::Test::Events;
use Render::Test::Faults;
use Test::More;
use Time::HiRes qw(time);

my $s = Render::Test->start(workers => 1, slots => 1, nginx_workers => 2, http_conf => 'render_bcrypt_cost 5;');
my $u = $s->signup;
my $token = $u->{token};
my $nginx = Render::Test::Daemon->start($s, main => ['worker_shutdown_timeout 10s' => 'worker_shutdown_timeout 2s']);
my $png = "\x89PNG\r\n\x1a\n";

sub metric {
    my ($name) = @_;
    my ($status, $text) = $nginx->request(GET => '/metrics');
    return $status == 200 && $text =~ /^\Q$name\E (\S+)$/m ? $1 : undef;
}

# More than nginx holds before it writes.
sub begin_upload {
    my ($sent, $length) = @_;
    my $before = $s->psql("SELECT count(*) FROM render.asset WHERE status = 'uploading'");
    my $socket = $nginx->dial or die "connect: $@";
    $nginx->ask($socket, POST => '/videos/upload?filename=a.png', token => $token, length => $length,
        headers => { 'Content-Type' => 'image/png' });
    my $bytes = $png . 'x' x ($sent - length $png);
    for (my $at = 0; $at < $sent; ) { $at += syswrite $socket, $bytes, $sent - $at, $at or die "upload: $!" }
    wait_until(sub { $s->psql("SELECT count(*) FROM render.asset WHERE status = 'uploading'") > $before }, 5, 'an upload');
    return $socket;
}

sub sleepy {
    my ($seconds) = @_;
    $s->psql($seconds
        ? "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep($seconds); RETURN NEW; END';"
            . 'GRANT USAGE ON SCHEMA public TO PUBLIC;'
            . 'CREATE TRIGGER slow BEFORE INSERT ON render.composition FOR EACH ROW EXECUTE FUNCTION public.slow()'
        : "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'PgSleep';"
            . 'DROP TRIGGER slow ON render.composition; DROP FUNCTION public.slow()');
}

# All that can be in flight: {what => socket}
sub everything {
    my ($job) = @_;
    # First, as a query that takes long would hold it up on the one connection for writing.
    my %open = (upload => begin_upload(1_200_000, 1_500_000));
    $open{query} = $nginx->dial;
    $nginx->ask($open{query}, POST => '/compositions', token => $token, body => encode_json(film(seconds => 1)),
        headers => { 'Content-Type' => 'application/json' });
    $open{login} = $nginx->dial;
    $nginx->ask($open{login}, POST => '/auth/login', body => encode_json({ email => $u->{email}, password => $u->{password} }),
        headers => { 'Content-Type' => 'application/json' });
    $open{poll} = $nginx->dial;
    $nginx->ask($open{poll}, GET => "/jobs/$job?wait=30", token => $token);
    for my $n (1 .. 4) {
        $open{"ws$n"} = $nginx->dial;
        $nginx->ask($open{"ws$n"}, GET => "/ws/progress/$job", token => $token, headers => { Connection => 'Upgrade',
            Upgrade => 'websocket', 'Sec-WebSocket-Version' => 13, 'Sec-WebSocket-Key' => 'dGhlIHNhbXBsZSBub25jZQ==' });
        $open{"sse$n"} = $nginx->dial;
        $nginx->ask($open{"sse$n"}, GET => "/jobs/$job/events", token => $token);
    }
    wait_until(sub { $s->psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'render_web' AND wait_event = 'PgSleep'") }, 5, 'a query');
    return \%open;
}

# Does a job that waits for as long as nobody renders it.
$s->stack(qw(stop worker));
my $job = submit($s, $u, film(seconds => 1));

subtest 'another binary, and back' => sub {
    my $events = Render::Test::Events->new($s);
    my ($stop, $told) = map { $s->home . "/run/$_" } qw(enough told);
    my @load = map {
        my $n = $_;
        background(
            sub {
                my ($count, %odd) = (0);
                my $parent = getppid;
                until (-e $stop || getppid != $parent) {
                    my ($want, @r) = $n == 1 ? (200, $nginx->request(GET => '/users/me', token => $token))
                        : $n == 2 ? (202, $nginx->request(POST => '/compositions', token => $token, body => encode_json(film(seconds => 1)),
                            headers => { 'Content-Type' => 'application/json' }))
                        : (201, $nginx->request(POST => '/videos/upload?filename=a.png', token => $token, body => $png . 'x' x 100_000,
                            headers => { 'Content-Type' => 'image/png' }));
                    $count++;
                    $odd{"$r[0] $r[1]"}++ if $r[0] != $want;
                    select undef, undef, undef, 0.02;
                }
                return encode_json({ count => $count, odd => \%odd });
            }
        );
    } 1 .. 3;
    my $crowd = background(
        sub {
            my $crowd = Render::Test::Crowd->new(port => $nginx->port, token => $token, jobs => [$job], sockets => 20);
            my $parent = getppid;
            $crowd->step(0.05) until -e $told || getppid != $parent;
            my $ids = decode_json(Render::Test::_read($told));
            my $until = time + 10;
            $crowd->step(0.05) while time < $until && $crowd->behind({ $job => $ids->{$job}[-1] });
            my ($missed, $again) = $crowd->missing($ids);
            return encode_json({ odd => $crowd->failures, missed => $missed, again => $again, count => $crowd->count });
        }
    );
    my $say = sub { for (1 .. 5) { $events->tell($job); select undef, undef, undef, 0.02 } $events->collect($job) };
    my $name = 'render_http_requests_total{route="/users/me",method="GET",code="200"}';
    wait_until(sub { metric($name) }, 10, 'load');

    my $first = $nginx->master;
    my $began = metric('process_start_time_seconds');
    my $was = metric($name);
    my @old = $nginx->workers($first);
    my $slow = begin_upload(100_000, 200_000);      # taken by one of the first
    my $upgrade = sub {
        $say->();
        kill USR2 => $nginx->master;
        ok wait_until(sub { $nginx->old_master == $first && $nginx->master && $nginx->workers($nginx->master, 1) == 2 }, 10),
            'a new binary runs beside the old';
        $say->();
        kill WINCH => $first;
        ok wait_until(sub { !$nginx->workers($first, 1) }, 10), 'the old takes no connections any more';
        $say->();
    };
    $upgrade->();
    my $second = $nginx->master;
    isnt $second, $first, 'it is another process';
    syswrite $slow, 'x' x 100_000;
    is +(Render::Test::Daemon::answer($slow))[0], 201, 'an upload that the old one had begun is taken';
    ok wait_until(sub { !grep { alive($_) } @old }, 10), 'its processes go';

    # Back: the old one has its configuration, and the counters that it had.
    kill HUP => $first;
    ok wait_until(sub { $nginx->workers($first, 1) == 2 }, 10), 'the old takes connections again';
    $say->();
    kill QUIT => $second;
    ok wait_until(sub { !alive($second) && $nginx->master == $first }, 10), 'the new one quits, and the old is master';
    is metric('process_start_time_seconds'), $began, 'its counters are those of its own start';
    cmp_ok metric($name), '>=', $was, 'none is lost';
    ok wait_until(sub { metric($name) > $was }, 10), 'and they go on';
    $say->();

    $upgrade->();
    my $third = $nginx->master;
    kill QUIT => $first;
    ok wait_until(sub { !alive($first) && !$nginx->old_master && $nginx->master == $third }, 10), 'the old one quits for good';
    $say->();
    cmp_ok metric('process_start_time_seconds'), '>=', $began, 'the counters of the new began with it';

    Render::Test::_write($stop, '');
    my ($count, %odd) = (0);
    for (map { decode_json($_->()) } @load) { $count += $_->{count}; $odd{$_} = 1 for keys %{ $_->{odd} } }
    cmp_ok $count, '>', 30, 'there was load';
    is_deeply \%odd, {}, "and each of $count requests was answered";
    Render::Test::_write("$told.new", encode_json($events->ids));
    rename "$told.new", $told;
    my $heard = decode_json($crowd->());
    is_deeply $heard->{odd}, {}, 'who listened was sent away only as one is';
    is "$heard->{missed} $heard->{again}", '0 0', 'and missed nothing, and heard nothing twice';
    cmp_ok $heard->{count}{closed}, '>=', 10, 'though each had to come back';
};

subtest 'a process is killed' => sub {
    $s->allow_alerts(qr/worker process \d+ exited on signal 9/);
    my $name = 'render_http_requests_total{route="/users/me",method="GET",code="200"}';
    $nginx->request(GET => '/users/me', token => $token);
    wait_until(sub { metric($name) }, 5, 'a request');
    my $was = metric($name);
    my @temp = temp_files($s);
    my $upload = begin_upload(1_200_000, 1_400_000);
    my @left;
    ok wait_until(sub { my %old = map { $_ => 1 } @temp; @left = grep { !$old{$_} } temp_files($s) }, 5), 'an upload is written';
    is metric('render_uploads_in_progress'), 1, 'and counted';
    my @old = $nginx->workers($nginx->master, 1);
    kill KILL => @old;
    ok wait_until(sub { my %old = map { $_ => 1 } @old; grep({ !$old{$_} } $nginx->workers($nginx->master, 1)) == 2 }, 10), 'others take its place';
    is +(Render::Test::Daemon::answer($upload, 5))[0], 0, 'who uploaded has no answer';
    is metric('render_uploads_in_progress'), 0, 'nothing of it is counted any more';
    is metric($name), $was, 'what was counted stays';
    is metric('render_nginx_processes'), 2, 'and nothing counts twice';
    is scalar(grep { -e } @left), 1, 'its temporary file is left';
    # A worker sweeps what nobody holds and nobody wrote to for 10 s: here they are made to have gone.
    utime time - 60, time - 60, @left;
    $s->stack(qw(start worker));
    ok wait_until(sub { !grep { -e } @left }, 15, 'the sweep'), 'until a render-worker takes it away';
    $s->stack(qw(stop worker));
};

subtest 'longer than worker_shutdown_timeout' => sub {
    $job = submit($s, $u, film(seconds => 1));
    my %before = map { $_ => 1 } temp_files($s);
    sleepy(4);
    my $open = everything($job);
    my @old = $nginx->workers($nginx->master, 1);
    kill HUP => $nginx->master;
    my $began = time;
    while (time < $began + 2.5) {       # a drop at a time, for as long as anybody takes it
        local $SIG{PIPE} = 'IGNORE';
        syswrite $open->{upload}, 'x' x 100 or last;
        select undef, undef, undef, 0.1;
    }
    ok eval { wait_until(sub { !grep { alive($_) } @old }, 3) }, 'the old processes are gone';
    diag sprintf 'gone %.2f s after the reload', time - $began;
    is +(Render::Test::Daemon::answer($open->{poll}, 5))[0], 200, 'who waited for a job was told how it stands';
    is +(Render::Test::Daemon::answer($open->{login}, 5))[0], 200, 'who signed in is let in';
    is +(Render::Test::Daemon::answer($open->{$_}, 5))[0], 0, "of the $_ nothing comes any more" for qw(query upload);
    ok wait_until(sub { !grep { !$before{$_} } temp_files($s) }, 5), 'no temporary file is left';
    close $_ for values %$open;
    sleepy(0);
};

subtest 'an end at once' => sub {
    my %before = map { $_ => 1 } temp_files($s);
    my $backends = "SELECT pid FROM pg_stat_activity WHERE usename = 'render_web' AND wait_event IS DISTINCT FROM 'PgSleep'";
    ok $nginx->stop, 'nginx quits';
    my %others = map { $_ => 1 } split /\n/, $s->psql($backends);
    $nginx->run;
    sleepy(3);
    my $open = everything($job);
    my $began = time;
    ok $nginx->stop('TERM'), 'nginx ends';
    cmp_ok time - $began, '<', 2, 'at once';
    ok wait_until(sub { !grep { !$others{$_} } split /\n/, $s->psql($backends) }, 5),
        'its connections to the database end with it';
    close $_ for values %$open;
    sleepy(0);
    diag scalar(grep { !$before{$_} } temp_files($s)), ' temporary files are left to the sweep';
    unlink grep { !$before{$_} } temp_files($s);
};

$s->stop;
done_testing;
