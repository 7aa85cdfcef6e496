# The same Idempotency-Key and the same body: the same answer, and one job.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

use Render::Test;
use Render::Test::Problem;

# No worker: what is counted is what is posted.
my $s = Render::Test->start(worker => 0, nginx_workers => 2, http_conf => 'render_bcrypt_cost 5;');
my $json  = JSON::PP->new->utf8->canonical;
my $token = $s->signup->{token};
my $other = $s->signup->{token};

sub text {
    my ($title, $src) = @_;
    my $asset = $src ? { type => 'video', src => $src } : { type => 'color', color => '#abc' };
    return $json->encode({ title => $title, timeline => { tracks => [{ clips => [{ asset => $asset, duration => 1 }] }] } });
}

sub post {
    my ($key, $body, %opt) = @_;
    return $s->req(POST => '/compositions', token => $opt{token} || $token, body => $body,
        headers => { 'Content-Type' => 'application/json', defined $key ? ('Idempotency-Key' => $key) : () });
}

sub made {
    my ($title) = @_;
    my $n = $s->psql("SELECT count(*) FROM render.composition WHERE title = '$title'");
    my $jobs = $s->psql("SELECT count(*) FROM render.job j JOIN render.composition c ON c.id = j.subject WHERE c.title = '$title'");
    my $tasks = $s->psql("SELECT count(*) FROM render.task t JOIN render.job j ON j.id = t.job
                          JOIN render.composition c ON c.id = j.subject WHERE c.title = '$title'");
    return $n == $jobs && $n == $tasks ? $n : "$n compositions, $jobs jobs, $tasks tasks";
}


# ---------------------------------------------------------------- one after the other

my $first = post('one', text('one'));
is $first->{status}, 202, 'a composition with a key';
for my $time (2 .. 3) {
    my $again = post('one', text('one'));
    is $again->{status}, 202, "the $time. time: the same status";
    is $again->{body}, $first->{body}, "the $time. time: the same answer, to the letter";
    is $again->{headers}{$_}, $first->{headers}{$_}, "the $time. time: the same $_" for qw(location retry-after content-type);
    isnt $again->{headers}{'x-request-id'}, $first->{headers}{'x-request-id'}, "the $time. time: another request all the same";
}
is made('one'), 1, 'it was made once';

is_problem post('one', text('two')), 422, 'the key with another body', detail => qr/another request/;
is_problem post('one', ' ' . text('one')), 422, 'a blank makes another body';
is made('two'), 0, 'of which nothing is made';
is post('one', text('one'))->{body}, $first->{body}, 'the first still stands';

isnt post('two', text('one'))->{json}{job_id}, $first->{json}{job_id}, 'another key makes another job';
is made('one'), 2, 'which is there';
my $his = post('one', text('one'), token => $other);
is $his->{status}, 202, "another's key is another key";
isnt $his->{json}{job_id}, $first->{json}{job_id}, 'which tells nothing of mine';
is post('one', text('three'), token => $other)->{status}, 422, 'and is used as well';

post(undef, text('none')) for 1 .. 2;
is made('none'), 2, 'without a key each is its own';
post('', text('empty')) for 1 .. 2;
is made('empty'), 2, 'an empty key is none';
is $s->req(GET => '/jobs', token => $token, headers => { 'Idempotency-Key' => 'one' })->{status}, 200, 'a key does not matter to GET';

is $s->req(POST => "/jobs/$first->{json}{job_id}/cancel", token => $token, headers => { 'Idempotency-Key' => 'one' })->{json}{status},
    'cancelled', 'what is ended may be ended again';
is post('one', text('one'))->{body}, $first->{body}, 'the answer is that of then, not of now';


# ---------------------------------------------------------------- keys

is post('x' x 200, text('long'))->{status}, 202, 'a long key';
is_problem post('x' x 201, text('long')), 422, 'a longer one', detail => qr/200/;
is post(q{"a b'c\\;--"}, text('odd'))->{status}, 202, 'an odd one';
is post(q{"a b'c\\;--"}, text('odd'))->{status}, 202, 'is taken as it is';
is made('odd'), 1, 'and known again';
for my $bytes ("\xe9", "\xc3\xa9", "a\x7f") {
    my $body   = text('bytes');
    my $answer = $s->raw("POST /compositions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nIdempotency-Key: $bytes\r\n"
            . "Connection: close\r\nContent-Length: " . length($body) . "\r\n\r\n$body");
    like $answer, qr{\AHTTP/1\.1 422 .*Idempotency-Key must be}s, 'a key of other bytes is refused, not overlooked';
}
is made('bytes'), 0, 'so nothing is made twice';


# ---------------------------------------------------------------- refusals, and time

my $missing = 'asset:00000000-0000-4000-8000-000000000000';
is_problem post('mended', text('mended', $missing)), 422, 'a refusal';
is_problem post('mended', text('mended', $missing)), 422, 'is not remembered';
is post('mended', text('mended'))->{status}, 202, 'what is mended may take its key';
is_problem post('mended', '{'), 400, 'what is no JSON is refused before';
is $s->psql("SELECT count(*) FROM render.idempotency WHERE status IS NULL OR status > 299"), 0, 'none is left without an answer';

my $old = post('old', text('old'));
$s->psql("UPDATE render.idempotency SET expires_at = now() - interval '1 second' WHERE key = 'old'");
isnt post('old', text('old'))->{json}{job_id}, $old->{json}{job_id}, 'an expired key is a new one';
is post('old', text('older'))->{status}, 422, 'and is used again';
ok $s->psql("SELECT min(expires_at) > now() + interval '23 hours' FROM render.idempotency") eq 't', 'a key lives for a day';


# ---------------------------------------------------------------- all at once

# many($n, $sub): runs the sub in n processes at the same moment; what they return
sub many {
    my ($n, $sub) = @_;
    my (@out, @pids);
    my $start = time + 0.3;
    for my $i (1 .. $n) {
        pipe my $in, my $to or die "pipe: $!";
        my $pid = fork;
        die "fork: $!" unless defined $pid;
        if (!$pid) {
            my $left = $start - time;
            sleep $left if $left > 0;
            my $r = eval { $sub->($i) };
            print {$to} $json->encode({ $r ? (status => $r->{status}, body => $r->{body}) : (status => 0, body => "$@") });
            close $to;
            POSIX::_exit(0);
        }
        close $to;
        push @out,  $in;
        push @pids, $pid;
    }
    my @answers = map { my $in = $_; local $/; $json->decode(scalar <$in>) } @out;
    waitpid $_, 0 for @pids;
    return @answers;
}

my @all = many(20, sub { post('crowd', text('crowd')) });
is_deeply [map { $_->{status} } @all], [(202) x 20], 'twenty at once: each is answered';
my %bodies = map { $_->{body} => 1 } @all;
is scalar keys %bodies, 1, 'all alike';
is made('crowd'), 1, 'and there is one job';

@all = many(10, sub { post('quarrel', text("quarrel$_[0]")) });
is scalar(grep { $_->{status} == 202 } @all), 1, 'ten that disagree: one has its way';
is scalar(grep { $_->{status} == 422 } @all), 9, 'the others are told';
is $s->psql("SELECT count(*) FROM render.composition WHERE title LIKE 'quarrel%'"), 1, 'and there is one job';

@all = many(10, sub { post("own$_[0]", text('own')) });
is made('own'), 10, 'ten with keys of their own: ten jobs';

# who leaves before the answer comes does not know, asks again, and has not paid twice
for my $i (1 .. 10) {
    my $body = text("left$i");
    $s->raw("POST /compositions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nIdempotency-Key: left$i\r\nContent-Length: "
            . length($body) . "\r\n\r\n$body", timeout => 0.0005 * $i);
    my $r = post("left$i", $body);
    is $r->{status}, 202, "left after $i: asking again";
    is made("left$i"), 1, "left after $i: one job";
}

$s->stop;
done_testing;
