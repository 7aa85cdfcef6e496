# The contract by itself: docs/openapi.json keeps the rules of its format, nginx serves what stands in
# it and nothing else, the page to read it is there; and the checker that every other test ends with
# finds what is wrong.

use strict;
use warnings;

use lib 't/lib';

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use Render::Test;
use Render::Test::Problem;
use Render::Test::Files;

my $top  = abs_path(dirname(__FILE__) . '/..');
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $dir  = tempdir(CLEANUP => 1);


# ---------------------------------------------------------------- the document, and the table of routes

for my $what ('--self', '--routes') {
    my ($code, $out, $err) = check_contract($what);
    my ($counts, $rest) = split /\n/, $out, 2;
    is $code, 0, "$what: " . ($counts || '') or diag($rest || $err);
}


# ---------------------------------------------------------------- the page, as nginx serves it

# No worker: what is posted stays as it is.
my $s = Render::Test->start(worker => 0, http_conf => 'render_bcrypt_cost 5;');
my $r = $s->req(GET => '/openapi.json');
is $r->{status}, 200, 'the contract is served';
is $r->{headers}{'content-type'}, 'application/json', 'as JSON';
is_deeply $r->{json}, $json->decode(slurp("$top/docs/openapi.json")), 'as it is in docs/';
for my $name (qw(composition event)) {
    $r = $s->req(GET => "/$name.schema.json");
    is $r->{headers}{'content-type'}, 'application/schema+json', "$name.schema.json lies beside it";
    is $r->{body}, slurp("$top/docs/$name.schema.json"), 'as it is in docs/';
}
is $s->req(GET => '/other.schema.json')->{status}, 404, 'and nothing else does';

$r = $s->req(GET => '/docs');
is $r->{status}, 200, 'the page';
is $r->{headers}{'content-type'}, 'text/html; charset=utf-8', 'is a page';
like $r->{headers}{'content-security-policy'}, qr/default-src 'none'.*script-src 'self'/, 'that runs its own scripts only';
my $reach = $r->{headers}{'content-security-policy'};
$reach =~ s/ \Q$ENV{AWS_ENDPOINT_URL_S3}\E(?=[; ]|\z)//g if $s->s3;    # where films are
unlike $reach, qr/unsafe|http|\*/, 'and reaches nobody else';
my $page = $r->{body};
unlike $page, qr{<script(?![^>]*\bsrc=)|<style|\bstyle=|\son\w+=|//}, 'nothing in it needs more';
my @files = $page =~ /(?:href|src)="(docs\/[^"]+)"/g;
for my $file (@files) {
    my $a = $s->req(GET => "/$file");
    is $a->{status}, 200, "$file is there";
    push @files, map {"docs/$_"} $a->{body} =~ m{from '\./([\w.]+)'}g if $file =~ /\.js\z/ && @files < 50;
    unlike $a->{body}, qr{https?://(?!www\.w3\.org/2000/svg)}, "$file names no other host";
    is $a->{headers}{'x-content-type-options'}, 'nosniff', "$file is what it says";
}
cmp_ok scalar(@files), '>', 4, 'all that it loads was looked at';
is $s->req(GET => '/docs/')->{headers}{location}, '/docs', 'a slash too many';
like $s->req(GET => $_)->{status}, qr/\A40[04]\z/, "no way out by $_"
    for '/docs/..%2f..%2fnginx-render.conf', '/docs/..%2findex.html', '/docs../nginx-render.conf', '/docs/%2e%2e/snippets/render-docs.conf';
isnt $s->req(PUT => '/docs/docs.js', body => 'x')->{status}, 200, 'nothing can be put there';


# ---------------------------------------------------------------- the checker

my $u = $s->signup;
my $asset = $s->upload($u->{token}, \'hello');
$r = $s->req(POST => '/compositions', token => $u->{token}, json => { timeline => { tracks => [
    { clips => [{ asset => { type => 'color', color => '#abc' }, duration => 1 }] }] } });
is $r->{status}, 202, 'something to look at';
my $job = $r->{json}{job_id};
$s->req(GET => $_, token => $u->{token}) for '/jobs', "/jobs/$job", "/videos/$asset->{id}", '/users/me', "/results/$job/final";
my $ws = $s->ws("/ws/progress/$job", token => $u->{token});
ok $ws->next_message, 'an event';
is_problem $s->req(GET => '/nowhere'), 404, 'an unknown path';
is_problem $s->req(DELETE => '/health'), 405, 'an unknown method';

my ($code, $out) = check_contract($s->exchanges);
is $code, 0, 'all of this is as the contract says' or diag $out;
like $out, qr/\A\d\d exchanges, \d\d checked, 1 events, 0 mismatches$/m, 'and was looked at';

# The contract, and one thing in it that is not so: the checker must find it, and nothing else.
my %lie = (
    'a required member renamed' => [qr{GET /users/me \(getMe\) 200: body /: 'quota_octets' is a required property},
        sub { member($_[0], 'Me', 'quota_bytes', 'quota_octets') }],
    'a member that is not there' => [qr{body /(?:items/\d+)?: Additional properties are not allowed \('attempts' was unexpected\)},
        sub { for (qw(Job JobNow)) { my $s = $_[0]{components}{schemas}{$_}; delete $s->{properties}{attempts};
            $s->{required} = [grep { $_ ne 'attempts' } @{ $s->{required} }] } }],
    'another type' => [qr{/bytes: 5 is not of type 'string'},
        sub { $_[0]{components}{schemas}{$_}{properties}{bytes}{type} = 'string' for qw(Asset NewAsset) }],
    'another format' => [qr{/created_at: .* is not a 'uuid'},
        sub { $_[0]{components}{schemas}{Me}{properties}{created_at}{format} = 'uuid' }],
    'another word' => [qr{/role: 'user' is not one of},
        sub { $_[0]{components}{schemas}{Me}{properties}{role}{'x-extensible-enum'} = ['reader'] }],
    'a status that is not there' => [qr{POST /compositions \(createComposition\) 202: this status is not documented},
        sub { delete $_[0]{paths}{'/compositions'}{post}{responses}{202} }],
    'a path that is not there' => [qr{GET /users/me 200: must be 404},
        sub { delete $_[0]{paths}{'/users/me'} }],
    'a method that is not there' => [qr{POST /compositions 202: must be 405},
        sub { delete $_[0]{paths}{'/compositions'}{post} }],
    'another content type' => [qr{the content type "application/problem\+json" is not documented},
        sub { my $c = $_[0]{components}{responses}{404}{content}; $c->{'application/json'} = delete $c->{'application/problem+json'} }],
    'a header that is not there' => [qr{no header X-Cost},
        sub { $_[0]{paths}{'/users/me'}{get}{responses}{200}{headers}{'X-Cost'} = { required => JSON::PP::true, schema => {} } }],
    'a header of another shape' => [qr{header Location: .* does not match},
        sub { $_[0]{components}{headers}{Location}{schema}{pattern} = '^https:' }],
    'a request that must not be taken' => [qr{the request that was taken /: 'name' is a required property},
        sub { $_[0]{components}{schemas}{Credentials}{required} = ['email', 'password', 'name'] }],
);
for my $what (sort keys %lie) {
    my ($wanted, $change) = @{ $lie{$what} };
    my $spec = $json->decode(slurp("$top/docs/openapi.json"));
    $change->($spec);
    copy_of($spec);
    ($code, $out) = check_contract('--spec', "$dir/openapi.json", $s->exchanges);
    is $code, 1, "$what: is found";
    like $out, $wanted, "$what: and named";
}

# exchanges that no server here has made: what must pass, and what must not
my %common = ('x-request-id' => 'a', 'x-content-type-options' => 'nosniff', 'cache-control' => 'private, no-store');
my %event  = %{ $json->decode(slurp("$top/docs/event.schema.json"))->{examples}[0] };
my %typed  = (%common, 'content-type' => 'application/json');
my %stream = ('x-request-id' => 'a', 'x-content-type-options' => 'nosniff', 'cache-control' => 'no-store', 'content-type' => 'text/event-stream');
my $problem = sub { $json->encode({ type => 'about:blank', title => 'T', status => $_[0], detail => 'd', instance => 'a' }) };
my $none = '00000000-0000-4000-8000-000000000000';

sub block {
    my (%e) = (%event, @_);
    return join '', map {"$_\n"} (defined $e{id} ? "id: $e{id}" : ()), "event: $e{type}", 'data: ' . $json->encode(\%e), '';
}

# [method, path, status, headers, body, more...]
sub lines {
    return join '', map {
        my ($method, $path, $status, $headers, $body, %more) = @$_;
        $json->encode({ method => $method, path => $path, status => $status, headers => $headers, body => $body, type => undef,
            request => undef, length => length($body // ''), %more }) . "\n";
    } @_;
}
spew("$dir/good", lines(
    [GET => '/x', 400, { 'content-type' => 'text/html' }, '<html>'],
    [TRACE => '/jobs', 405, { 'content-type' => 'text/html' }, '<html>'],
    [GET => '/jobs', 599, {}, 'connection refused'],
    [GET => '/private/a.txt', 200, { 'content-type' => 'text/plain' }, 'a', outside => JSON::PP::true],
    [GET => '/users/me', 404, { %typed, 'content-type' => 'application/problem+json' }, $problem->(404), partial => JSON::PP::true],
    [HEAD => '/health', 200, \%typed, ''],
    [OPTIONS => '/jobs', 204, { allow => 'GET, HEAD, POST, OPTIONS' }, ''],
    [OPTIONS => '/jobs', 204, { 'access-control-allow-methods' => 'GET' }, ''],
    [DELETE => "/jobs/$none", 204, \%common, ''],
    [GET => "/jobs/./$none/../%68/../$none", 404, { %common, 'content-type' => 'application/problem+json' }, $problem->(404)],
    [GET => "/d/1.a/b/c/d", 200, { %stream, etag => '"1"', 'accept-ranges' => 'bytes', 'content-type' => 'video/mp4' }, undef, length => 5],
    [GET => "/jobs/$none/events", 200, \%stream, "retry: 2000\n\n" . block(id => undef, type => 'snapshot') . ": still here\n\n" . block() . "id: 1-1\ndat"],
    [POST => '/auth/jwt/login', 200, \%typed, $s->req(POST => '/auth/login', json => { map { $_ => $u->{$_} } qw(email password) })->{body},
        type => 'application/x-www-form-urlencoded', request => 'username=a&password=b&scope='],
));
($code, $out) = check_contract("$dir/good");
is $out, "13 exchanges, 11 checked, 2 events, 0 mismatches\n", 'what must pass passes';

my @bad = (
    [qr{GET /jobs \(listJobs\) 502: this status}, [GET => '/jobs', 502, { 'content-type' => 'text/html' }, '<html>']],
    [qr{GET /y 400: must be 404}, [GET => '/y', 400, { %common, 'content-type' => 'application/problem+json' }, $problem->(400)]],
    [qr{GET /users/me \(getMe\) 404: this status}, [GET => '/users/me', 404, { %common, 'content-type' => 'application/problem+json' }, $problem->(404)]],
    [qr{HEAD /health .*a body for HEAD}, [HEAD => '/health', 200, \%typed, '{}']],
    [qr{OPTIONS /health 204: Allow names .*: delete}, [OPTIONS => '/health', 204, { allow => 'GET, DELETE' }, '']],
    [qr{DELETE /health 405: no header Allow}, [DELETE => '/health', 405, { %common, 'content-type' => 'application/problem+json' }, $problem->(405)]],
    [qr{deleteJob\) 204: a body of 2 bytes}, [DELETE => "/jobs/$none", 204, \%common, '{}']],
    [qr{getHealth\) 200: body is not JSON}, [GET => '/health', 200, \%typed, '{']],
    [qr{getHealth\) 200: no header X-Request-Id}, [GET => '/health', 200, { 'content-type' => 'application/json' }, '{"status":"ok"}']],
    [qr{getHealth\) 200: header Cache-Control: }, [GET => '/health', 200, { %typed, 'cache-control' => 'public' }, '{"status":"ok"}']],
    [qr{streamEvents\) 200: event /percent: 101 is greater}, [GET => "/jobs/$none/events", 200, \%stream, block(percent => 101)]],
    [qr{event: done, but the type is progress}, [GET => "/jobs/$none/events", 200, \%stream, block() =~ s/event: progress/event: done/r]],
    [qr{id: 5-5, but the id is}, [GET => "/jobs/$none/events", 200, \%stream, block() =~ s/^id: .*/id: 5-5/r]],
    [qr{neither field nor comment: hello}, [GET => "/jobs/$none/events", 200, \%stream, "hello\n\n"]],
    [qr{jwtLogin\) 200: the form that was taken}, [POST => '/auth/jwt/login', 200, \%typed, '{}', type => 'application/x-www-form-urlencoded', request => 'password=b']],
);
spew("$dir/bad", lines(map { $_->[1] } @bad));
($code, $out) = check_contract("$dir/bad");
is $code, 1, 'what must not pass';
like $out, $_->[0], "is found: $_->[0]" for @bad;

# an event of another shape
my $event = $json->decode(slurp("$top/docs/event.schema.json"));
push @{ $event->{required} }, 'mood';
copy_of($json->decode(slurp("$top/docs/openapi.json")), $event);
($code, $out) = check_contract('--spec', "$dir/openapi.json", $s->exchanges);
like $out, qr{an event of /ws/progress/$job: event /: 'mood' is a required property}, 'an event that lies';

# and the document itself
my %broken = (
    'a $ref that leads nowhere' => [qr{leads nowhere}, sub { $_[0]{components}{schemas}{Job}{properties}{error}{'$ref'} = '#/components/schemas/Nothing' }],
    'a $ref in a circle'        => [qr{back to itself}, sub { $_[0]{components}{schemas}{Fault} = { '$ref' => '#/components/schemas/Fault' } }],
    'an operationId twice'      => [qr{operationId signup is that of}, sub { $_[0]{paths}{'/auth/login'}{post}{operationId} = 'signup' }],
    'no responses'              => [qr{get /health: no responses}, sub { $_[0]{paths}{'/health'}{get}{responses} = {} }],
    'an example that lies'      => [qr{components/schemas/Ticket/examples/0/expires_in}, sub { $_[0]{components}{schemas}{Ticket}{examples}[0]{expires_in} = 'soon' }],
    'a schema that is none'     => [qr{is not valid under any|is not of type}, sub { $_[0]{components}{schemas}{Health}{type} = 'thing' }],
    'an alias gone astray'      => [qr{its responses are not those of signup}, sub { delete $_[0]{paths}{'/auth/register'}{post}{responses}{422} }],
    'a path parameter missing'  => [qr{its path parameters are not}, sub { shift @{ $_[0]{paths}{'/jobs/{id}'}{get}{parameters} } }],
);
for my $what (sort keys %broken) {
    my ($wanted, $change) = @{ $broken{$what} };
    my $spec = $json->decode(slurp("$top/docs/openapi.json"));
    $change->($spec);
    copy_of($spec);
    ($code, $out) = check_contract('--spec', "$dir/openapi.json", '--self');
    is $code, 1, "$what: is found";
    like $out, $wanted, "$what: and named" or diag $out;
}
my $less = $json->decode(slurp("$top/docs/openapi.json"));
delete $less->{paths}{'/health'};
$less->{paths}{'/nobody'} = { get => $less->{paths}{'/users/me'}{get} };
copy_of($less);
($code, $out) = check_contract('--spec', "$dir/openapi.json", '--routes');
is $code, 1, 'routes that differ';
like $out, qr{^  GET /health: is served, and docs/openapi\.json has it not$}m, 'are found in the table';
like $out, qr{^  GET /nobody: is in docs/openapi\.json, and nobody serves it$}m, 'and in the contract';

$s->stop;
done_testing;


sub member {
    my ($spec, $schema, $from, $to) = @_;
    my $s = $spec->{components}{schemas}{$schema};
    $s->{properties}{$to} = delete $s->{properties}{$from};
    $_ eq $from and $_ = $to for @{ $s->{required} };
}

# The changed contract, with the schemas beside it, in our own folder.
sub copy_of {
    my ($spec, $event) = @_;
    spew("$dir/openapi.json", $json->encode($spec));
    spew("$dir/composition.schema.json", slurp("$top/docs/composition.schema.json"));
    spew("$dir/event.schema.json", $event ? $json->encode($event) : slurp("$top/docs/event.schema.json"));
}
