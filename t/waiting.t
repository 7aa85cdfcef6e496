# Answers that wait for a job: ?wait= and the validation of a document, whatever happens meanwhile.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP qw(decode_json encode_json);
use Test::More;
use Time::HiRes qw(time);

use Render::Test;
use Render::Test::Faults qw(alive background nginx_workers);
use Render::Test::Problem;

my $s = Render::Test->start(workers => 1, slots => 2, nginx_workers => 2, http_conf => 'render_bcrypt_cost 5;');
my $user    = $s->signup;
my $token   = $user->{token};
my $account = $user->{account}{id};
my $other   = $s->signup->{token};

sub doc {
    my (@colors) = @_;
    return { title => 'Colours', timeline => { width => 64, height => 48, fps => 10, tracks => [{ clips =>
        [map { { asset => { type => 'color', color => $_ }, duration => 1 } } @colors] }] } };
}
sub validate { return $s->req(POST => '/compositions/validate', token => $_[1] || $token, json => $_[0], timeout => 30) }
sub post     { return $s->req(POST => '/compositions', token => $token, json => $_[0])->{json}{job_id} }

# later($sub): runs it beside us; what is returned gives the answer and the seconds it took
sub later {
    my ($sub) = @_;
    my $wait = background(sub {
        my $start = time;
        my $r = $sub->();
        return encode_json({ status => $r->{status}, json => $r->{json}, headers => $r->{headers}, seconds => time - $start });
    });
    return sub { my $text = $wait->(); return eval { decode_json($text) } || { status => 0, text => $text } };
}
sub poll {
    my ($job, $seconds, $who) = @_;
    return later(sub { $s->req(GET => "/jobs/$job?wait=$seconds", token => $who || $token, timeout => 40) });
}

# Connections that the processes of nginx hold to their clients.
sub clients {
    my $port = sprintf '%04X', $s->port;
    open my $in, '<', '/proc/net/tcp' or die "/proc/net/tcp: $!";
    return scalar grep { /\A\s*\d+: [0-9A-F]{8}:$port [0-9A-F]{8}:[0-9A-F]{4} (?:01|08) / } <$in>;
}
sub polled { my ($n) = @_; wait_until(sub { clients() >= $n }, 10, "$n requests that wait") }


# ---------------------------------------------------------------- validation

my %before = map { $_ => $s->psql("SELECT count(*) FROM render.$_") } qw(composition job task asset);
my $r = validate(doc('#100', '#200'));
is $r->{status}, 200, 'a document that is right';
is_deeply { map { $_ => $r->{json}{$_} } qw(valid duration frames segments sound warnings) },
    { valid => JSON::PP::true, duration => 2, frames => 20, segments => { total => 2, by_mode => { still => 2 } },
      sound => JSON::PP::false, warnings => [] }, 'what would be rendered';
my $large = doc('#101', '#202');
@{ $large->{timeline} }{qw(width height fps)} = (1280, 720, 30);
cmp_ok validate($large)->{json}{cost}, '>', 0, 'which would cost something';
my $clip = $s->upload($token, make_media('waiting-clip.mp4', qw(-f lavfi -i testsrc2=size=64x48:rate=10:duration=2
    -f lavfi -i sine=duration=2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac)));
my $of = sub { { timeline => { width => 64, height => 48, fps => 10, tracks => [{ clips => [{ asset => { type => 'video', src => $clip->{src} }, @_ }] }] } } };
$r = validate($of->());
is $r->{status}, 200, 'an upload that is not probed yet is waited for' or diag $r->{body};
is $r->{json}{duration}, 2, 'its length is known then';
is $r->{json}{sound}, JSON::PP::true, 'and its sound';

$r = validate($of->(in_point => 5));
is_problem $r, 422, 'a beginning behind the end', pointer => '/timeline/tracks/0/clips/0/in_point', detail => qr/\w/;
$r = validate({ timeline => { tracks => [{ clips => [$of->(in_point => 5)->{timeline}{tracks}[0]{clips}[0]] },
    { clips => [{ asset => { type => 'color', color => '#fff' }, start => 0, duration => 2 }, { asset => { type => 'color', color => '#fff' }, start => 1, duration => 2 }] }] } });
is_problem $r, 422, 'two faults of the plan', pointer => '/timeline/tracks/0/clips/0/in_point';
is_problem validate({ titel => 'x', %{ doc('#100') } }), 422, 'a slip', pointer => '/titel';
is_problem validate({}), 422, 'no document', pointer => '';
is_problem $s->req(POST => '/compositions/validate', token => $token, body => '{'), 400, 'no JSON';
is_problem validate($of->(), $other), 422, "another's asset", pointer => '/timeline/tracks/0/clips/0/asset/src', detail => qr/not exist/;
is_problem $s->req(POST => '/compositions/validate', json => doc('#100')), 401, 'nobody';
my $broken = $s->upload($token, \("\x89PNG\r\n\x1a\n" . 'x' x 50), name => 'x.png');
is_problem validate({ timeline => { tracks => [{ clips => [{ asset => { type => 'image', src => $broken->{src} }, duration => 1 }] }] } }), 422,
    'an upload that turns out to be none', pointer => '/timeline/tracks/0/clips/0/asset/src', detail => qr/\w/;
$s->wait_job($token, $broken->{job_id});

# all jobs of the account over one connection: a validation is not among them
my $ws = $s->ws('/ws/progress', token => $token);
is $ws->status, 101, 'all jobs are watched';
validate(doc('#111', '#222')) for 1 .. 3;
my $id = post(doc('#100', '#200'));
my %seen;
my $until = time + 20;
while (time < $until) {
    my $m = $ws->next_message($until - time) or last;
    last if $m->{opcode} == Render::Test::WS::CLOSE;
    my $event = decode_json($m->{payload});
    $seen{ $event->{job_id} } = $event->{status};
    last if $event->{status} eq 'completed';
}
$ws->close;
is_deeply \%seen, { $id => 'completed' }, 'only the job that was made is seen there';
$r = validate(doc('#100', '#200', '#300'));
is_deeply $r->{json}{segments}, { total => 3, by_mode => { reuse => 2, still => 1 } }, 'what is rendered by now would be used again';
is validate(doc('#100', '#200'))->{json}{cost}, 0, 'where all is there it costs nothing';
is_deeply validate(doc('#100'), $other)->{json}{segments}{by_mode}, { still => 1 }, 'to the account that has rendered it';

is $s->psql("SELECT count(*) FROM render.job WHERE kind = 'validate'"), 0, 'no job of these is left';
is $s->psql('SELECT count(*) FROM render.composition') - $before{composition}, 1, 'nor a composition';
is_deeply [sort map { $_->{kind} } @{ $s->req(GET => '/jobs?kind=all', token => $token)->{json}{items} }], [qw(composition probe probe)], 'nor are they in a list';
is scalar @{ $s->req(GET => '/compositions', token => $token)->{json}{items} }, 1, 'of either kind';


# ---------------------------------------------------------------- the long poll

my $done = $s->req(GET => "/jobs/$id?wait=30", token => $token);
is $done->{json}{status}, 'completed', 'who waits for what has ended does not wait';
my $start = time;
is $s->req(GET => '/jobs/' . post(doc('#400')) . '?wait=30', token => $token)->{json}{status}, 'completed', 'who waits for a film is told when it is there';
cmp_ok time - $start, '<', 10, 'at once';
is_problem $s->req(GET => "/jobs/00000000-0000-4000-8000-000000000000?wait=30", token => $token), 404, 'of nothing';
is_problem $s->req(GET => "/jobs/$id?wait=30", token => $other), 404, "of another's";

$s->stack(qw(stop worker));
my $held = later(sub { validate(doc('#500')) });        # for 10 s
my $live = post(doc('#600'));
for my $bad (qw(x -1 31 1.5 99999999999999999999 0x5 1s %2b1), '%20') {
    is_problem $s->req(GET => "/jobs/$_?wait=$bad", token => $token), 422, "wait=$bad", detail => qr/seconds/ for $live, $id;
}
is $s->req(GET => "/jobs/$live?wait=", token => $token)->{status}, 200, 'an empty one is none';
for my $path ("/jobs/$live?wait=1", "/status/$live?wait=1") {
    $start = time;
    $r = $s->req(GET => $path, token => $token);
    is $r->{json}{status}, 'queued', 'nothing happens in a second';
    cmp_ok abs(time - $start - 1.2), '<', 0.5, 'which it takes';
    is $r->{headers}{'retry-after'}, 1, 'it may be asked again';
}

$r = $held->();
is $r->{status}, 504, 'a validation that nobody works on' or diag explain $r;
like $r->{json}{detail}, qr/no worker/, 'is given up, and says why';
cmp_ok abs($r->{seconds} - 10.5), '<', 2, 'after ten seconds';
is $s->psql("SELECT count(*) FROM render.job WHERE kind = 'validate'"), 0, 'and leaves nothing';

my $base = clients();
my @polls = map { poll($live, 25) } 1 .. 5;
polled($base + 5);
is $s->req(POST => "/jobs/$live/cancel", token => $token)->{status}, 200, 'cancelled while five wait';
my @answers = map { $_->() } @polls;
is_deeply [map { "$_->{status} $_->{json}{status}" } @answers], [('200 cancelled') x 5], 'who are told';
is scalar(grep { $_->{seconds} > 5 } @answers), 0, 'at once';
is scalar(grep { $_->{headers}{'retry-after'} } @answers), 0, 'and need not ask again';

# who leaves
$live = post(doc('#700'));
$base = clients();
$s->raw("GET /jobs/$live?wait=30 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\n\r\n", timeout => 0.3) for 1 .. 4;
ok eval { wait_until(sub { clients() <= $base }, 5) }, 'who leaves is not waited for';

# a reload
@polls = map { poll($live, 25) } 1 .. 4;
my $asked = later(sub { validate(doc('#510')) });
polled($base + 5);
my @old = nginx_workers($s);
$s->reload;
@answers = map { $_->() } @polls;
is_deeply [map { "$_->{status} " . ($_->{json}{status} || '') } @answers], [('200 queued') x 4], 'a reload: each is answered';
is scalar(grep { $_->{seconds} > 6 } @answers), 0, 'at once';
is_problem $asked->(), 503, 'who has something validated may ask again';
ok eval { wait_until(sub { !grep { alive($_) } @old }, 10) }, 'and the old processes go';

# without Redis
@polls = map { poll($live, 25) } 1 .. 2;
polled($base + 2);
$s->stack(qw(stop redis));
$start = time;
is $s->req(POST => "/jobs/$live/cancel", token => $token)->{status}, 200, 'cancelled while Redis is away';
@answers = map { $_->() } @polls;
is_deeply [map { "$_->{status} $_->{json}{status}" } @answers], [('200 cancelled') x 2], 'who wait are told all the same';
cmp_ok time - $start, '<', 8, 'soon';
$live = post(doc('#800'));
$start = time;
is $s->req(GET => "/jobs/$live?wait=1", token => $token)->{json}{status}, 'queued', 'who begins to wait then is answered in time';
cmp_ok time - $start, '<', 3, 'that is';
$s->stack(qw(start redis));

$s->stack(qw(start worker));
is $s->wait_job($token, $live)->{status}, 'completed', 'the next worker renders what waited';
is validate(doc('#500'))->{status}, 200, 'and validates';

$s->stop;
done_testing;
