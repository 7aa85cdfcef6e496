# Changing and deleting: entity tags, what a change renders, what stays and what goes.

use strict;
use warnings;

use lib 't/lib';

use JSON::PP ();
use Test::More;

use Render::Test;
use Render::Test::Faults qw(background children freeze helpers mid_render render_children thaw heavy_asset film submit);
use Render::Test::Problem;

my $s = Render::Test->start(workers => 1, slots => 2, nginx_workers => 2, http_conf => 'render_bcrypt_cost 5;');
my $user    = $s->signup;
my $token   = $user->{token};
my $account = $user->{account}{id};
my $other   = $s->signup->{token};

# Colours one after another, a second each: each clip is a segment of its own.
sub doc {
    my (@colors) = @_;
    return { title => 'Colours', timeline => { width => 64, height => 48, fps => 10, tracks => [{ clips =>
        [map { { asset => { type => 'color', color => $_ }, duration => 1 } } @colors] }] } };
}

sub get    { return $s->req(GET    => $_[0], token => $token) }
sub patch  { return $s->req(PATCH  => $_[0], token => $token, json => $_[1], headers => $_[2] ? { 'If-Match' => $_[2] } : {}) }
sub remove { return $s->req(DELETE => $_[0], token => $_[2] || $token, headers => $_[1] ? { 'If-Match' => $_[1] } : {}) }
sub post   { return $s->req(POST   => '/compositions', token => $token, json => $_[0]) }

sub rendered {
    my ($r) = @_;
    my $job = $s->wait_job($token, $r->{json}{job_id});
    die "the job has $job->{status}" if $job->{status} ne 'completed';
    return $job;
}


# ---------------------------------------------------------------- an asset

my $asset = $s->upload($token, \"a note\n", name => 'note.txt');
my $path  = "/videos/$asset->{id}";
my $tag   = get($path)->{headers}{etag};
like $tag, qr/\A"[\w-]+"\z/, 'an asset has a strong entity tag';
is get($path)->{headers}{etag}, $tag, 'which stays while nothing changes';

my $r = patch($path, { title => 'A note', description => 'of mine' }, $tag);
is $r->{status}, 200, 'a change where the tag matches';
is "$r->{json}{title}, $r->{json}{description}", 'A note, of mine', 'is made';
isnt $r->{headers}{etag}, $tag, 'and is another tag';
is $r->{headers}{etag}, get($path)->{headers}{etag}, 'which is the one to read';
is $r->{json}{filename}, 'note.txt', 'the rest is as it was';
my $new = $r->{headers}{etag};
is_problem patch($path, { title => 'Too late' }, $tag), 412, 'the old tag does not match any more';
is_problem patch($path, { title => 'Weak' }, "W/$new"), 412, 'a weak one never does';
is_problem patch($path, { title => 'Bare' }, $new =~ s/"//gr), 412, 'nor one without quotes';
is_problem patch($path, { title => 'Empty' }, ' '), 412, 'nor none';
is_problem patch($path, { title => 'Long' }, join ', ', ('"' . 'x' x 100 . '"') x 10), 412, 'nor a long list of others';
like $s->raw("PATCH $path HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nIf-Match: \"\xff\"\r\nConnection: close\r\nContent-Length: 13\r\n\r\n"
        . '{"title":"x"}'), qr{\AHTTP/1\.1 412 }, 'nor other bytes';
is get($path)->{json}{title}, 'A note', 'and nothing was changed by these';
is patch($path, { title => 'List' }, qq{"x", $new ,"y"})->{status}, 200, 'one of a list may match';
is patch($path, { title => 'Any' }, '*')->{status}, 200, 'and * matches whatever there is';
is_problem patch('/videos/00000000-0000-4000-8000-000000000000', { title => 'x' }, '*'), 404, 'but not where nothing is';
is patch($path, { title => 'None' })->{status}, 200, 'who does not ask is not told';
is patch($path, {})->{json}{title}, 'None', 'no change is one, too';
is patch($path, { title => '', description => '' })->{json}{title}, '', 'a title may be empty';

is_problem patch($path, { titel => 'x' }), 422, 'an unknown member', pointer => '/titel', detail => qr/known are .*title/;
is_problem patch($path, { kind => 'video' }), 422, 'one that is not to be changed', pointer => '/kind';
is_problem patch($path, { title => 5 }), 422, 'a number', pointer => '/title', detail => qr/string/;
is_problem patch($path, { title => undef }), 422, 'null', pointer => '/title', detail => qr/string/;
is_problem patch($path, { title => 'x' x 10_001 }), 422, 'a long title', pointer => '/title', detail => qr/10000/;
is_problem patch($path, { visibility => 'secret' }), 422, 'another visibility', pointer => '/visibility', detail => qr/private, link or public/;
is_problem patch($path, { visibility => ['link'] }), 422, 'a list of them', pointer => '/visibility';
$r = patch($path, { 'a/b' => 1, title => 5, visibility => 'x' });
is_deeply [sort map { $_->{pointer} } @{ $r->{json}{errors} }], ['/a~1b', '/title', '/visibility'], 'all are told, as pointers';
is_problem $s->req(PATCH => $path, token => $token, body => '[]'), 400, 'a list is no change';
is_problem $s->req(PATCH => $path, token => $token, body => '{"title":"a\u0000"}'), 400, 'NUL is none';
is_problem $s->req(PATCH => $path, token => $other, json => { title => 'x' }), 404, 'nobody else changes it';
is_problem $s->req(PATCH => $path, json => { title => 'x' }), 401, 'nor who is not signed in';

# two at once, who have read the same: one of them has its way
for my $what ($path, 'composition') {
    my $at = $what eq $path ? $path : '/compositions/' . post(doc('#111'))->{json}{composition_id};
    my $seen = get($at)->{headers}{etag};
    my @all  = map { my $i = $_; background(sub { patch($at, { title => "number $i" }, $seen)->{status} }) } 1 .. 6;
    my %n;
    $n{ $_->() }++ for @all;
    is_deeply \%n, { 200 => 1, 412 => 5 }, "six at once change the same ($what): one does";
}


# ---------------------------------------------------------------- a composition

my $first = post(doc('#100', '#200', '#300'));
my $id    = $first->{json}{composition_id};
my $job   = rendered($first);
$path = "/compositions/$id";
$tag  = get($path)->{headers}{etag};
like $tag, qr/\A"1-\w+"\z/, 'the tag of a composition begins with its revision';
my $film = get($path)->{json}{output_asset};

$r = patch($path, { title => 'Other colours' }, $tag);
is $r->{status}, 200, 'another title: nothing is rendered';
is $r->{json}{revision}, 1, 'the revision stays';
isnt $r->{headers}{etag}, $tag, 'the tag does not';
is $r->{json}{job_id}, $first->{json}{job_id}, 'nor is there another job';
is get("/videos/$film")->{json}{title}, 'Other colours', 'the film is called the same';
is_problem patch($path, { title => 'x' }, $tag), 412, 'the old tag matches no more';
is patch($path, { config => doc('#100', '#200', '#300') })->{status}, 200, 'the same document again is no change';
is get($path)->{json}{revision}, 1, 'as the revision says';

$r = patch($path, { config => doc('#100', '#250', '#300') }, get($path)->{headers}{etag});
is $r->{status}, 202, 'another document is rendered';
is $r->{json}{revision}, 2, 'as another revision';
like $r->{headers}{etag}, qr/\A"2-/, 'whose tag says so';
is $r->{headers}{location}, "/jobs/$r->{json}{job_id}", 'and where its job is';
is $r->{json}{composition_id}, $id, 'of the same composition';
my $second = rendered($r);
is_deeply $second->{segments}{by_mode}, { reuse => 2, still => 1 }, 'only what has changed was rendered';
isnt get($path)->{json}{output_asset}, $film, 'there is another film';
is get("/videos/$film")->{status}, 200, 'and the old one';
is get($path)->{json}{config}{timeline}{tracks}[0]{clips}[1]{asset}{color}, '#250', 'the document is the new one';
is get($path)->{json}{title}, 'Other colours', 'under the title that it was given';
is patch($path, { config => doc('#100', '#260'), title => 'Mine' })->{json}{revision}, 3, 'a title and a document';
is get($path)->{json}{title}, 'Mine', 'the title that was asked for';

is_problem patch($path, { titel => 'x' }), 422, 'an unknown member', pointer => '/titel';
is_problem patch($path, { revision => 1 }), 422, 'the revision is not to be changed', pointer => '/revision';
is_problem patch($path, { config => { titel => 'x', %{ doc('#100') } } }), 422, 'a slip in the document', pointer => '/config/titel',
    detail => qr/title/;
my $bad = doc('#100');
$bad->{timeline}{tracks}[0]{clips}[0]{asset} = { type => 'video', src => 'asset:00000000-0000-4000-8000-000000000000' };
is_problem patch($path, { config => $bad }), 422, 'an asset that is not there',
    pointer => '/config/timeline/tracks/0/clips/0/asset/src', detail => qr/not exist/;
is_problem patch($path, { config => $_ }), 422, 'a document that is none', pointer => '/config', detail => qr/object/ for undef, 5, 'x', [1];
is_problem $s->req(PATCH => $path, token => $other, json => { title => 'x' }), 404, 'nobody else changes it';
is get($path)->{json}{revision}, 3, 'none of these has changed it';

# rendering again, as it is
is_problem $s->req(POST => "$path/render", token => $token, json => { quality => 'best' }), 422, 'nothing may be asked for', pointer => '/quality', detail => qr/known are none/;
is_problem $s->req(POST => "$path/render", token => $token, body => 'x'), 400, 'what is no JSON is refused';
is_problem $s->req(POST => "$path/render", token => $other), 404, 'nobody else renders it';
is_problem $s->req(POST => "$path/render", token => $token, headers => { 'If-Match' => '"1-x"' }), 412, 'nor another revision than is meant';
for my $how (['an empty body', body => ''], ['an empty object', json => {}]) {
    my ($what, @body) = @$how;
    $r = $s->req(POST => "$path/render", token => $token, @body);
    is $r->{status}, 202, "rendering again, $what";
    is $r->{json}{revision}, 3, 'the same revision';
}
is_deeply rendered($r)->{segments}{by_mode}, { reuse => 2 }, 'of which all is there';
is_problem $s->req(POST => '/compositions/00000000-0000-4000-8000-000000000000/render', token => $token), 404, 'of nothing';


# ---------------------------------------------------------------- lists of jobs

# ids($query): those of a list
sub ids { return [map { $_->{id} } @{ get("/jobs?$_[0]")->{json}{items} }] }

my $probed = $s->upload($token, \("\x89PNG\r\n\x1a\n" . 'x' x 50), name => 'x.png');
$s->wait_job($token, $probed->{job_id});
ok !grep({ $_->{kind} ne 'composition' } @{ get('/jobs?limit=100')->{json}{items} }), 'probes are in no list of jobs';
is_deeply ids('kind=probe'), [$probed->{job_id}], 'unless they are asked for';
is scalar @{ ids('kind=all&limit=100') }, 1 + @{ ids('limit=100') }, 'or all are';
is_deeply ids('kind=validate'), [], 'a validation is in none';
is_deeply ids('kind=nothing'), [], 'nor is there another kind';
is scalar @{ ids('status=completed&limit=100') }, $s->psql("SELECT count(*) FROM render.job WHERE owner = '$account' AND status = 'completed'
    AND kind = 'composition'"), 'those of a status';
is_deeply ids('status=failed&kind=all'), [$probed->{job_id}], 'of a status and a kind';
is_deeply ids('status=lost'), [], 'of no status';
my ($page, @seen) = get('/jobs?limit=2&status=completed')->{json};
while (1) {
    push @seen, map { $_->{id} } @{ $page->{items} };
    last unless $page->{next_cursor};
    $page = get("/jobs?limit=2&status=completed&cursor=$page->{next_cursor}")->{json};
}
is_deeply \@seen, ids('status=completed&limit=100'), 'page by page they are the same';


# ---------------------------------------------------------------- deleting

# A film that takes its time, whose children stand still.
my $heavy = heavy_asset($s, $user, 4);
my $slow  = submit($s, $user, film(seconds => 4, asset => $heavy));
my @kids  = mid_render($s, $slow);
freeze(@kids);
my $slow_id = get("/jobs/$slow")->{json}{subject};
is_problem remove("/jobs/$slow"), 409, 'a job that lives', detail => qr/cancel/;
is_problem remove("/videos/$heavy->{id}"), 409, 'an asset that it uses', detail => qr/$slow/;
is_problem remove("/videos/$heavy->{id}", undef, $other), 404, "another's asset";
is_problem remove("/jobs/$slow", undef, $other), 404, "another's job";
is_problem remove("/compositions/$slow_id", undef, $other), 404, "another's composition";
is_problem remove("/compositions/$slow_id", '"1-x"'), 412, 'a composition of another tag';
is get("/jobs/$slow")->{json}{status}, 'processing', 'is rendered on';
is remove("/compositions/$slow_id", get("/compositions/$slow_id")->{headers}{etag})->{status}, 204, 'a composition that is rendered';
thaw(@kids);
is get("/jobs/$slow")->{json}{status}, 'cancelled', 'its job is cancelled';
is get("/jobs/$slow")->{json}{error}{code}, 'cancelled', 'and says so';
is_problem get("/compositions/$slow_id"), 404, 'it is gone';
is_problem remove("/compositions/$slow_id"), 404, 'and cannot be deleted twice';
ok eval { wait_until(sub { !render_children($s) }, 10) }, 'nobody works on it any more';
my $object = "inputs/$account/$heavy->{id}";
ok $s->has_object($object), 'what was uploaded for it is in storage';
is_problem $s->req(POST => "/jobs/$slow/retry", token => $token), 409, 'its job cannot be tried again', detail => qr/deleted/;
is remove("/videos/$heavy->{id}")->{status}, 204, 'the asset may be deleted now';
is_problem get("/videos/$heavy->{id}"), 404, 'and is gone';
is_problem $s->req(GET => "/videos/$heavy->{id}/stream", token => $token), 404, 'with its bytes';
ok eval { wait_until(sub { !$s->has_object($object) }, 10) }, 'which leave storage';

is remove("/videos/$probed->{id}")->{status}, 204, 'so may one that is no picture';
is_problem $s->req(POST => "/jobs/$probed->{job_id}/retry", token => $token), 409, 'nor is it probed again then', detail => qr/deleted/;

# A job and its film, which is an asset as well.
my $done = get($path)->{json};
my ($key) = $s->psql("SELECT storage_key FROM render.asset WHERE id = '$done->{output_asset}'");
ok $s->has_object($key), 'a film is in storage';
is remove("/jobs/$done->{job_id}")->{status}, 204, 'the job that made it is deleted';
is_problem get("/jobs/$done->{job_id}"), 404, 'and is gone';
is_problem get("/results/$done->{job_id}/final"), 404, 'with its results';
isnt get($path)->{json}{job_id}, $done->{job_id}, 'the composition has an older one';
is get($path)->{json}{output_asset}, $done->{output_asset}, 'and its film';
my ($of) = $s->psql("SELECT storage_key FROM render.asset WHERE id = '$film'");
ok $s->has_object($of), 'a film is in storage';
is remove("/videos/$film")->{status}, 204, 'and is deleted as any asset';
ok eval { wait_until(sub { !$s->has_object($of) }, 10) }, 'which it leaves';
is get("/compositions/$id")->{json}{output_asset}, $done->{output_asset}, 'the newer one is another';
is get("/videos/$done->{output_asset}/stream")->{status}, 200, 'whose bytes are there';
is remove("/compositions/$id")->{status}, 204, 'the composition is deleted';
is get("/videos/$done->{output_asset}/stream")->{status}, 200, 'its film stays';

# a result that no asset has
$r = post(doc('#777'));
$job = rendered($r);
$done = get("/compositions/$r->{json}{composition_id}")->{json};
$key = $s->psql("SELECT storage_key FROM render.asset WHERE id = '$done->{output_asset}'");
$s->psql("DELETE FROM render.asset WHERE id = '$done->{output_asset}'");
is remove("/jobs/$job->{id}")->{status}, 204, 'a job whose film is no asset';
ok eval { wait_until(sub { !$s->has_object($key) }, 10) }, 'takes it with it';
ok eval { wait_until(sub { $s->psql('SELECT count(*) FROM render.garbage') == 0 }, 10) }, 'nothing waits to be deleted';
is_problem remove('/jobs/00000000-0000-4000-8000-000000000000'), 404, 'a job that is not there';
is_problem $s->req(DELETE => "/jobs/$r->{json}{job_id}"), 401, 'nobody deletes a job';

$s->stop;
done_testing;
