# Idempotency-Key wherever something is made: one thing, one answer, whichever way it came.

use strict;
use warnings;

use lib 't/lib';

use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);

use Render::Test;
use Render::Test::Faults qw(background);
use Render::Test::Form;
use Render::Test::Problem;

# No worker: what is counted is what is made.
my $s = Render::Test->start(worker => 0, nginx_workers => 2, http_conf => 'render_bcrypt_cost 5;');
my $user    = $s->signup;
my $token   = $user->{token};
my $account = $user->{account}{id};
my $other   = $s->signup->{token};
my $png     = "\x89PNG\r\n\x1a\nnot really";

sub doc { return { title => $_[0], timeline => { tracks => [{ clips => [{ asset => { type => 'color', color => '#123' }, duration => 1 }] }] } } }
sub json { my ($path, $what) = @_; return sub { $s->req(POST => $path, token => $_[1] || $token, json => $_[2] || $what, headers => $_[0]) } }
sub body { my ($path, $what) = @_; return sub { $s->req(POST => $path, token => $_[1] || $token, body => $_[2] || $what, headers => $_[0]) } }
sub parts {
    my ($path, @parts) = @_;
    return sub { send_form($s, $_[1] || $token, $path, $_[0], $_[2] ? @{ $_[2] } : @parts) };
}
sub made { return $s->psql("SELECT (SELECT count(*) FROM render.composition) || ' ' || (SELECT count(*) FROM render.job) || ' '
    || (SELECT count(*) FROM render.asset WHERE status <> 'uploading') || ' ' || (SELECT sum(run) FROM render.job)") }

my $first = $s->req(POST => '/compositions', token => $token, json => doc('to be rendered'))->{json};
my $id    = $first->{composition_id};
$s->req(POST => "/jobs/$first->{job_id}/cancel", token => $token);
my $his = $s->req(POST => '/compositions', token => $other, json => doc('his'))->{json};
$s->req(POST => "/jobs/$his->{job_id}/cancel", token => $other);

# what => [status, how it is sent, another body, how another account sends it]
my %ways = (
    'a composition'     => [202, json('/compositions', doc('a')), doc('b')],
    'a document by job' => [202, json('/jobs', { kind => 'composition', composition => doc('a') }), { kind => 'composition', composition => doc('b') }],
    'a render by job'   => [202, json('/jobs', { kind => 'composition', composition_id => $id }), { kind => 'composition', composition => doc('b') },
        json('/jobs', { kind => 'composition', composition_id => $his->{composition_id} })],
    'a render'          => [202, json("/compositions/$id/render", {}), undef, json("/compositions/$his->{composition_id}/render", {})],
    'a raw upload'      => [201, body('/videos/upload?filename=a.png', $png), "$png."],
    'a form'            => [201, parts('/videos/upload', file('a.png', $png), file('b.png', $png)), [file('a.png', $png)]],
    'a film'            => [202, parts('/upload', file('a.png', $png), field(title => 'x')), [file('a.png', $png), field(title => 'y')]],
    'a raw film'        => [202, body('/upload?image_duration=2', $png), "$png."],
    'a film by job'     => [202, parts('/jobs', file('a.png', $png)), [file('b.png', $png)]],
);
for my $what (sort keys %ways) {
    my ($status, $send, $else, $foreign) = @{ $ways{$what} };
    my $key = { 'Idempotency-Key' => "key of $what" };
    my $r   = $send->($key);
    is $r->{status}, $status, "$what: made" or diag $r->{body};
    my $after = made();
    for my $time (1 .. 2) {
        my $again = $send->($key);
        is "$again->{status} $again->{body}", "$status $r->{body}", "$what: the same answer, time $time";
        is_deeply [@{ $again->{headers} }{qw(location retry-after)}], [@{ $r->{headers} }{qw(location retry-after)}], "$what: and headers";
    }
    is_problem $send->($key, undef, $else), 422, "$what: another body", detail => qr/another request/ if $else;
    is_problem body('/videos/upload', $png)->($key), 422, "$what: another path", detail => qr/another request/;
    is made(), $after, "$what: it is there once";
    my $theirs = ($foreign || $send)->($key, $other);
    is $theirs->{status}, $status, "$what: another account's key is another";
    isnt $theirs->{body}, $r->{body}, "$what: with an answer of its own";
    isnt $send->({ 'Idempotency-Key' => "another key of $what" })->{body}, $r->{body}, "$what: another key makes another";
    isnt $send->({})->{body}, $r->{body}, "$what: as does none";
}

# a job that is tried again
my $retry = sub { $s->req(POST => "/jobs/$first->{job_id}/retry", token => $token, headers => $_[0]) };
my $key   = { 'Idempotency-Key' => 'again' };
my $r     = $retry->($key);
is $r->{status}, 202, 'a job is tried again';
is $r->{json}{run}, 2, 'as another run';
is $retry->($key)->{body}, $r->{body}, 'with the key the answer is the same';
is $s->psql("SELECT run FROM render.job WHERE id = '$first->{job_id}'"), 2, 'and the run';
is_problem $retry->({}), 409, 'without it there is nothing to try again';
is_problem $s->req(POST => "/jobs/$his->{job_id}/retry", token => $token, headers => $key), 422, 'another job under the key', detail => qr/another request/;

# refusals are not remembered
$key = { 'Idempotency-Key' => 'mended' };
is_problem send_form($s, $token, '/upload', $key, file('a.txt', 'text')), 422, 'a film of a text';
is send_form($s, $token, '/upload', $key, file('a.png', $png))->{status}, 202, 'a picture may take its key';
$key = { 'Idempotency-Key' => 'mended too' };
is_problem $s->req(POST => '/compositions/00000000-0000-4000-8000-000000000000/render', token => $token, headers => $key), 404, 'nothing to render';
is $s->req(POST => "/compositions/$id/render", token => $token, headers => $key)->{status}, 202, 'its key is free';
is $s->psql('SELECT count(*) FROM render.idempotency WHERE status IS NULL OR status > 299'), 0, 'none is left without an answer';


# ---------------------------------------------------------------- while the first is worked on

# held($key): another transaction has just begun with it; what this returns ends that
my $naps = 0;
sub held {
    my ($key) = @_;
    my $nap = 2.1 + ++$naps / 1000;
    my $end = background(sub {
        $s->psql("BEGIN; INSERT INTO render.idempotency (account, key, body_sha256) VALUES ('$account', '$key', 'x'); SELECT pg_sleep($nap); ROLLBACK");
    });
    wait_until(sub { $s->psql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep($nap)%' AND wait_event = 'PgSleep'") }, 10, 'the lock');
    return $end;
}
my %sent = (
    'a composition' => [202, sub { json('/compositions', doc('held'))->($_[0]) }],
    'a render'      => [202, sub { json("/compositions/$id/render", {})->($_[0]) }],
    'an upload'     => [201, sub { body('/videos/upload', $png)->($_[0]) }],
    'a film'        => [202, sub { parts('/upload', file('held.png', $png))->($_[0]) }],
);
for my $what (sort keys %sent) {
    my ($status, $send) = @{ $sent{$what} };
    my $end   = held("held by $what");
    my $start = time;
    my $r     = $send->({ 'Idempotency-Key' => "held by $what" });
    is_problem $r, 409, "$what while the first is worked on", detail => qr/being worked on/;
    is $r->{headers}{'retry-after'}, 1, "$what: when to ask again";
    cmp_ok time - $start, '<', 1.6, "$what: it is not waited for longer than a second";
    $end->();
    is $send->({ 'Idempotency-Key' => "held by $what" })->{status}, $status, "$what: the first came to nothing, and the key is free";
}

# what counts is when all of the body is there: who comes first with it makes it, and the other is told of that
my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $s->port) or die "connect: $@";
syswrite $socket, "POST /videos/upload?filename=half.png HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer $token\r\n"
    . "Content-Type: image/png\r\nIdempotency-Key: half\r\nContent-Length: " . length($png) . "\r\n\r\n" . substr $png, 0, 4;
wait_until(sub { $s->psql("SELECT count(*) FROM render.asset WHERE status = 'uploading' AND filename = 'half.png'") }, 10, 'half of an upload');
$r = body('/videos/upload?filename=half.png', $png)->({ 'Idempotency-Key' => 'half' });
is $r->{status}, 201, 'an upload while another with its key is being sent';
syswrite $socket, substr $png, 4;
my $late = do { local $/; <$socket> };
like $late, qr{\AHTTP/1\.1 201 .*\r\n\r\n\Q$r->{body}\E\z}s, 'which has the same answer in the end';
is $s->psql("SELECT count(*) FROM render.asset WHERE filename = 'half.png' AND status <> 'uploading'"), 1, 'and is one asset';

# two at once over a slow database: one is made
my @both = map { background(sub { my $r = parts('/videos/upload', file('both.png', $png))->({ 'Idempotency-Key' => 'both' }); "$r->{status} $r->{json}{id}" }) } 1 .. 5;
my %answers = map { $_->() => 1 } @both;
is scalar keys %answers, 1, 'five at once: one answer' or diag explain \%answers;
like((keys %answers)[0], qr/\A201 /, 'which says that it is there');
is $s->psql("SELECT count(*) FROM render.asset WHERE filename = 'both.png' AND status <> 'uploading'"), 1, 'and one asset';

$s->stop;
done_testing;
