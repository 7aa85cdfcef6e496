# What must not be taken, and that each refusal says why, in the same form.

use strict;
use warnings;

use lib 't/lib';

use IO::Select;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Test::More;

use Render::Test;
use Render::Test::Faults qw(nginx_workers);
use Render::Test::Problem;

my $s = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;');
my $token = $s->signup->{token};
my $other = $s->signup->{token};

my $clip = make_media('path-clip.mp4', qw(-f lavfi -i testsrc2=size=320x240:rate=25:duration=4
    -f lavfi -i sine=frequency=440:duration=4 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -shortest));
my $voice = make_media('path-voice.wav', qw(-f lavfi -i sine=frequency=220:duration=3));
my $film  = $s->upload($token, $clip);
my $sound = $s->upload($token, $voice);

# The clip of the film, with other fields; a document of one track of these clips.
sub clip { return { asset => { type => 'video', src => $film->{src} }, @_ } }
sub doc { return { timeline => { width => 320, height => 240, fps => 25, tracks => [{ clips => [@_] }] } } }

sub post {
    my ($body) = @_;
    return $s->req(POST => '/compositions', token => $token, json => $body) if ref $body;
    return $s->req(POST => '/compositions', token => $token, body => $body,
        headers => { 'Content-Type' => 'application/json' });
}


# ---------------------------------------------------------------- what is no JSON

my $small = '"timeline":{"tracks":[{"clips":[{"asset":{"type":"color","color":"#fff"},"duration":1}]}]}';
my %no_json = (
    'words'                        => 'hello',
    'nothing'                      => '',
    'a document cut off'           => '{"timeline":{"tracks":[',
    'a string alone'               => '"timeline"',
    'text behind the end'          => '{} x',
    'a trailing comma'             => "{$small,}",
    'single quotes'                => "{'version':1}",
    'a comment'                    => "{/* */$small}",
    'NaN'                          => "{\"version\":NaN,$small}",
    'a name twice'                 => "{\"title\":\"a\",\"title\":\"b\",$small}",
    'bytes that are no UTF-8'      => "{\"title\":\"\xff\",$small}",
    'UTF-8 cut off'                => "{\"title\":\"\xc3\",$small}",
    'UTF-8 longer than needed'     => "{\"title\":\"\xc0\xaf\",$small}",
    'half a pair of surrogates'    => "{\"title\":\"\\ud800\",$small}",
    'a control character'          => "{\"title\":\"a\nb\",$small}",
    'a NUL byte'                   => "{\"title\":\"a\0b\",$small}",
    '\u0000 in metadata'           => "{\"metadata\":{\"a\":\"\\u0000\"},$small}",
    '\u0000 in a name of metadata' => "{\"metadata\":{\"\\u0000\":1},$small}",
    '\u0000 in a text'             => '{"timeline":{"tracks":[{"clips":[{"asset":{"type":"text","text":"a\u0000b"},"duration":1}]}]}}',
    'a number too large'           => "{\"metadata\":1e999,$small}",
    'an integer too large'         => "{\"metadata\":123456789012345678901234567890,$small}",
    'three thousand brackets'      => ('[' x 3000) . (']' x 3000),
    'a hundred thousand brackets'  => '[' x 100_000,
    'UTF-16'                       => "\xff\xfe{\0}\0",
);
for my $what (sort keys %no_json) {
    is_problem post($no_json{$what}), 400, $what, detail => qr/\Anot JSON: /;
}
is_problem $s->req(POST => '/auth/signup', body => 'hello'), 400, 'words, signing up';
is_problem $s->req(POST => '/auth/login', body => '[]'), 400, 'an array, signing in';
is_problem $s->req(POST => '/auth/login', body => '{"email":"a\u0000@b.c","password":"12345678"}'), 400, 'NUL in an address';
is_problem $s->req(POST => '/auth/login', json => {}), 422, 'signing in with nothing', pointer => '/password';
is_problem $s->req(POST => '/auth/login', json => { email => ['x'], password => 5 }), 422, 'with other things', pointer => '/email';
is_problem $s->req(POST => '/auth/signup', json => { email => 'a@b.c' . 'x' x 250, password => '12345678' }), 422, 'a long address',
    pointer => '/email';


# ---------------------------------------------------------------- what is no composition

is_problem post('[]'), 422, 'an array', pointer => '', detail => qr/object/;
is_problem post({}), 422, 'no time line', pointer => '', detail => qr/timeline/;
is_problem post({ timeline => { tracks => [] } }), 422, 'no track', pointer => '/timeline/tracks';
is_problem post({ timeline => [] }), 422, 'a time line that is none', pointer => '/timeline', detail => qr/object/;
is_problem post(doc('clip')), 422, 'a clip that is none', pointer => '/timeline/tracks/0/clips/0', detail => qr/object/;
is_problem post(doc({ start => 1 })), 422, 'a clip of nothing', pointer => '/timeline/tracks/0/clips/0', detail => qr/asset/;
is_problem post({ version => 2, %{ doc(clip()) } }), 422, 'another version', pointer => '/version', detail => qr/must be 1/;

is_problem post({ %{ doc(clip()) }, foo => 1 }), 422, 'an unknown field', pointer => '/foo', detail => qr/\Aunknown field "foo"\z/;
is_problem post(doc(clip(durration => 1))), 422, 'a slip of the pen', pointer => '/timeline/tracks/0/clips/0/durration',
    detail => qr/did you mean "duration"/;
is_problem post({ %{ doc(clip()) }, 'a/b~c' => 1 }), 422, 'a name that a pointer must write otherwise', pointer => '/a~1b~0c';
is_problem post({ %{ doc(clip()) }, "\x{e9}" x 100 => 1 }), 422, 'a long name of other letters', detail => qr/errors/;
is_problem post(doc({ asset => { type => 'vidio', src => $film->{src} } })), 422, 'a slip in a value',
    pointer => '/timeline/tracks/0/clips/0/asset/type', detail => qr/did you mean "video"/;
is_problem post({ %{ doc(clip()) }, webhook_url => 'https://example.org/' }), 422, 'a field that is not rendered yet',
    pointer => '/webhook_url', detail => qr/"webhook_url" is not rendered by this version/;
is_problem post({ %{ doc(clip()) }, outputs => [{ format => 'matroska' }] }), 422, 'a format that there is not',
    pointer => '/outputs/0/format', detail => qr/\Amust be one of .*"mp4"/;
is_problem post({ %{ doc(clip()) }, webhook_url => 'https://example.test/' }), 422, 'nor is this', pointer => '/webhook_url',
    detail => qr/not rendered/;

is_problem post(doc({ asset => { type => 'video', src => 's3://bucket/key' } })), 422, 'an object of S3',
    pointer => '/timeline/tracks/0/clips/0/asset/src', detail => qr/S3 are not read by this version.*upload/;
for my $src ('https://', 'https://me@example.test/', 'https://example.test:x/', 'https://2130706433/', "https://example.test/\n", "https://b\x{fc}cher.test/",
    'https://example.test/' . 'a' x 2000) {
    is_problem post(doc({ asset => { type => 'video', src => $src } })), 422, 'the URL ' . substr($src, 0, 30) =~ s/[^ -~]/?/gr,
        pointer => '/timeline/tracks/0/clips/0/asset/src', detail => qr/\A(?:has|holds|is) /;
}
for my $src ('file:///etc/passwd', '/etc/passwd', 'clip.mp4', 'asset:', 'asset:1', "asset:\U$film->{id}", 'concat:a|b', '', "$film->{src}/..") {
    is_problem post(doc({ asset => { type => 'video', src => $src } })), 422, "the source '$src'",
        pointer => '/timeline/tracks/0/clips/0/asset/src', detail => qr/asset:/;
}

my $many = post({
    titel    => 'x',
    timeline => {
        width => 17, fps => 0, background => 'red',
        tracks => [
            { kind => 'video', clips => [clip(start => -1, opacity => 2), { type => 'transition', transition_type => 'fad' }] },
            { kind => 'audio', clips => [clip(fit => 'cover')] },
        ],
    },
});
is_problem $many, 422, 'many errors', detail => qr/errors/;
is_deeply [sort map { $_->{pointer} } @{ $many->{json}{errors} }], [sort qw(
    /titel /timeline/background /timeline/fps /timeline/width
    /timeline/tracks/0/clips/0/start /timeline/tracks/0/clips/0/opacity
    /timeline/tracks/0/clips/1 /timeline/tracks/0/clips/1/transition_type
    /timeline/tracks/1/clips/0/asset)], 'are told at once, each with its place';
ok !grep({ !length $_->{detail} } @{ $many->{json}{errors} }), 'and its reason';
my $more = post(doc(map { clip(foo => 1) } 1 .. 3000));
is_problem $more, 422, 'thousands of errors';
cmp_ok scalar @{ $more->{json}{errors} }, '<', 200, 'are not all listed';
like $more->{json}{errors}[-1]{detail}, qr/\Aand \d+ more problems\z/, 'but counted';
is_problem post(doc(map { clip() } 1 .. 5001)), 422, 'too many clips', pointer => '/timeline/tracks/0/clips', detail => qr/at most 5000/;


# ---------------------------------------------------------------- what only the assets can say

my $src = '/timeline/tracks/0/clips/0/asset/src';
my $missing = post(doc({ asset => { type => 'video', src => 'asset:00000000-0000-4000-8000-000000000000' } }));
is_problem $missing, 422, 'an asset that is not there', pointer => $src, detail => qr/\Adoes not exist\z/;
my $foreign = $s->req(POST => '/compositions', token => $other, json => doc(clip()));
is_problem $foreign, 422, "another account's asset", pointer => $src;
is_deeply $foreign->{json}{errors}, $missing->{json}{errors}, 'is told apart from none by nothing';
is_problem post(doc({ asset => { type => 'image', src => $film->{src} }, duration => 1 })), 422, 'a film for a picture',
    pointer => $src, detail => qr/\Ais of kind video, not image\z/;
is_problem post(doc({ asset => { type => 'video', src => $sound->{src} } })), 422, 'a sound for a film',
    pointer => $src, detail => qr/is of kind audio, not video/;
is_deeply [map { $_->{pointer} } @{ post(doc({ asset => { type => 'image', src => $film->{src} }, duration => 1 },
    { asset => { type => 'video', src => $sound->{src} } }, clip()))->{json}{errors} }], [$src, '/timeline/tracks/0/clips/1/asset/src'],
    'all of them at once';
is $s->psql('SELECT count(*) FROM render.composition'), 0, 'none of these has left anything';
is $s->psql("SELECT count(*) FROM render.job WHERE kind <> 'probe'"), 0, 'nor begun a job';

# These need the length of the film; the job says it where the request could not.
my @late = (
    ['clips that overlap', doc(clip(start => 0, duration => 2), clip(start => 1, duration => 2)), '/timeline/tracks/0/clips/1', qr/overlap/],
    ['a transition longer than half a clip', doc(clip(), { type => 'transition', transition_type => 'fade', duration => 3 }, clip()),
        '/timeline/tracks/0/clips/1/duration', qr/half/],
    ['a beginning behind the end', doc(clip(in_point => 5)), '/timeline/tracks/0/clips/0/in_point', qr/\w/],
    ['an end behind the end', doc(clip(out_point => 50)), '/timeline/tracks/0/clips/0/out_point', qr/\w/],
    ['nothing to show', doc(), '', qr/\w/],
);
for my $l (@late) {
    my ($what, $document, $pointer, $reason) = @$l;
    my $r = post($document);
    my $why = $r->{json};
    if ($r->{status} == 202) {
        my $job = $s->wait_job($token, $r->{json}{job_id});
        is $job->{status}, 'failed', "$what: the job fails";
        is $job->{attempts}, 1, "$what: at once";
        $why = $job->{error};
        is_problem $s->req(GET => "/results/$job->{id}/final", token => $token), 404, "$what: there is no film";
    }
    else {
        is_problem $r, 422, $what;
    }
    my ($error) = grep { $_->{pointer} =~ /\A\Q$pointer\E/ } @{ $why->{errors} || [] };
    ok $error, "$what: it is said where" or diag explain $why;
    like $error->{detail}, $reason, "$what: and why";
}


# ---------------------------------------------------------------- too much

my $big = '{"metadata":"' . 'x' x 5_000_000 . "\",$small}";
is_problem post($big), 413, '5 MB', detail => qr/4 MiB/;
my @pieces = $big =~ /(.{1,60000})/gs;
is_problem $s->req(POST => '/compositions', token => $token, body => sub { shift @pieces }), 413, '5 MB of unknown length';
my $head = "POST /compositions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nContent-Length: 5000000\r\n";
my $answer = $s->raw("${head}Expect: 100-continue\r\n\r\n", until => qr/\}\z/);
like $answer, qr{\AHTTP/1\.1 413 }, '5 MB are not asked for';
like $answer, qr/\r\nConnection: close\r\n/, 'and nobody waits for them';
is_problem $s->req(POST => '/auth/login', json => { email => 'a' x 70_000, password => 'x' }), 413, 'who has not signed in',
    detail => qr/64 KiB/;

# nor are they kept anywhere until the end says that they were too many
for my $path ('/auth/login', '/compositions') {
    my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $s->port, Proto => 'tcp') or die "connect: $@";
    print {$c} "POST $path HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\nContent-Type: application/json\r\n",
        "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n", (sprintf("%x\r\n", 65_536) . 'x' x 65_536 . "\r\n") x 320;
    $c->flush;
    my @kept = grep {defined} map { -s $_ } grep { (readlink($_) // '') =~ m{/temp/body/} } map { glob "/proc/$_/fd/*" } nginx_workers($s);
    cmp_ok +(sort { $b <=> $a } @kept, 0)[0], '<=', 4 * 1024 * 1024, "$path: 20 MB that do not end are not kept";
    print {$c} "0\r\n\r\n";
    like do { local $/; <$c> }, qr{\AHTTP/1\.1 413 .*KiB|\AHTTP/1\.1 413 .*MiB}s, 'and refused when they do';
}
is post('{"metadata":"' . 'x' x 4_000_000 . "\",$small}")->{status}, 202, '4 MB are not too much';


# ---------------------------------------------------------------- uploads that are no media

is_problem $s->req(POST => '/videos/upload', token => $token, body => ''), 400, 'an empty upload', detail => qr/none/;
is_problem $s->req(POST => '/videos/upload', token => $token, body => sub { '' }), 400, 'one of unknown length', detail => qr/empty/;
like $s->raw("POST /videos/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\n\r\n", until => qr/\}\z/), qr{\AHTTP/1\.1 400 },
    'no body at all';
is_problem $s->req(POST => '/videos/upload', token => $token, body => "--x\r\n\r\nabc\r\n--x--\r\n",
    headers => { 'Content-Type' => 'multipart/mixed; boundary=x' }), 415, 'a mixed body', detail => qr/multipart/;
my ($newest) = grep { $_->{origin} eq 'upload' } @{ $s->req(GET => '/videos', token => $token)->{json}{items} };
is $newest->{id}, $sound->{id}, 'none of these is in the list';

# Whoever opens what is in a playlist is heard here.
my $ear = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5, Proto => 'tcp') or die "listen: $@";
my $bait = 'http://127.0.0.1:' . $ear->sockport . '/a.ts';

open my $in, '<:raw', $clip or die "$clip: $!";
my $whole = do { local $/; <$in> };
srand 5;
my %bytes = (
    'words'                    => "hello\n" x 100,
    'a playlist'               => "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n$bait\n#EXT-X-ENDLIST\n",
    'a playlist of files'      => "#EXTM3U\n#EXTINF:4,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    'a playlist among bytes'   => "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n$bait\n\0\1\2\3\xff\n",
    'a list to join'           => "ffconcat version 1.0\nfile '/etc/passwd'\n",
    'a list among bytes'       => "ffconcat version 1.0\nfile $bait\n\0\1\2\xff",
    'an SDP file'              => "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    'a manifest'               => "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"><BaseURL>$bait</BaseURL></MPD>",
    'random bytes'             => join('', map { chr int rand 256 } 1 .. 50_000),
    'zeros'                    => "\0" x 1000,
    'one byte'                 => 'x',
    'a film without its end'   => substr($whole, 0, 100_000),
    'a film without its start' => substr($whole, 1000),
    'the start of a film'      => substr($whole, 0, 32),
    'the start of a picture'   => "\x89PNG\r\n\x1a\n" . "\0" x 100,
    'the start of a photo'     => "\xff\xd8\xff\xe0\0\x10JFIF\0",
    'the start of a sound'     => substr("RIFF\xff\xff\xff\x7fWAVEfmt \x10\0\0\0\1\0\2\0", 0, 24),
);
for my $what (sort keys %bytes) {
    my $asset = $s->upload($token, \$bytes{$what}, name => 'film.mp4', type => 'video/mp4');
    my $ended = wait_until(sub {
        my $a = $s->req(GET => "/videos/$asset->{id}", token => $token)->{json};
        $a->{status} ne 'probing' && $a;
    }, 30, "the probe of $what");
    my $no_media = $ended->{kind} !~ /\A(?:video|audio|image)\z/;
    ok $ended->{status} eq 'failed' || $no_media, "$what: no film" or diag explain $ended;
    if (!$no_media) {
        like $ended->{error}, qr/\A[[:print:]]{10,200}\z/, "$what: it is said why";
        unlike $ended->{error}, qr{/|0x|errno}, "$what: in plain words";
        my $job = $s->req(GET => "/jobs/$asset->{job_id}", token => $token)->{json};
        is $job->{status}, 'failed', "$what: so says the job";
        is $job->{attempts}, 1, "$what: and does not try again";
    }
    is_problem post(doc({ asset => { type => 'video', src => $asset->{src} } })), 422, "$what: no composition of it",
        pointer => $src, detail => $no_media ? qr/is of kind/ : qr/cannot be used: \Q$ended->{error}\E/;
}
ok !IO::Select->new($ear)->can_read(0), 'nobody has opened what a playlist names';

my $names = { '%00' => '', '%ff' => '', '..%2f..%2fx' => '../../x', 'a%0d%0ab' => "a\r\nb", 'x' x 300 => 'x' x 255 };
for my $name (sort keys %$names) {
    my $r = $s->req(POST => "/videos/upload?filename=$name", token => $token, body => 'x');
    is $r->{status}, 201, 'an upload with the name ' . substr $name, 0, 20;
    is $r->{json}{filename}, $names->{$name}, 'and what is kept of it';
}


# ---------------------------------------------------------------- paths and methods

my %allowed = (
    'DELETE /jobs'            => 'GET, HEAD, POST',
    'PUT /compositions'       => 'GET, HEAD, POST',
    'GET /assets'             => 'POST, PUT',
    'PATCH /users/me'         => 'GET, HEAD',
    'GET /jobs/1/cancel'      => 'POST',
    'HEAD /auth/login'        => 'POST',
    'POST /health'            => 'GET, HEAD',
    'MAKE /jobs'              => 'GET, HEAD, POST',
    'PUT /videos/1'           => 'GET, HEAD, PATCH, DELETE',
    'POST /results/1/final'   => 'GET, HEAD',
    'POST /ws/progress/1'     => 'GET, HEAD',
);
for my $what (sort keys %allowed) {
    my ($method, $path) = split / /, $what;
    my $r = $s->req($method => $path, token => $token);
    is $r->{headers}{allow}, "$allowed{$what}, OPTIONS", "$what: what is allowed instead";
    $method eq 'HEAD' ? is $r->{status}, 405, $what : is_problem $r, 405, $what;
}
my $options = $s->req(OPTIONS => '/jobs');
is $options->{status}, 204, 'OPTIONS is answered to anyone';
is $options->{headers}{allow}, 'GET, HEAD, POST, OPTIONS', 'with what there is';
is $options->{headers}{'access-control-allow-origin'}, undef, 'and no word to other origins';
for my $path (qw(/nowhere /jobs/ /jobs/1/2 /jobs/../x /auth /videos/1/stream /Jobs /results/1 /d/), "/jobs/%0d%0aX-Evil:%201") {
    is_problem $s->req(GET => $path, token => $token), 404, "GET $path";
}
my $none = '00000000-0000-4000-8000-000000000000';
for my $path ('/jobs/x', "/jobs/$none", "/jobs/$none'--", "/status/$none", "/videos/$none", '/videos/upload', "/compositions/$none",
    "/compositions/$none/download", "/results/$none/final", "/results/$film->{job_id}/final", "/jobs/%ff", '/jobs/%2e%2e%2fx%2f')
{
    is_problem $s->req(GET => $path, token => $token), 404, "GET $path";
}
is_problem $s->req(POST => "/jobs/$none/$_", token => $token), 404, "to $_ what is not there" for qw(cancel retry);
is_problem $s->req(POST => "/jobs/$film->{job_id}/$_", token => $token), 409, "to $_ what has ended" for qw(cancel retry);
is_problem $s->req(GET => "/ws/progress/$film->{job_id}", token => $token), 426, 'a WebSocket without an upgrade';
is $s->ws("/ws/progress/$none", token => $token)->status, 404, 'a WebSocket of nothing';
is $s->ws("/ws/progress/$film->{job_id}", token => $token, headers => { 'Sec-WebSocket-Version' => 8 })->status, 426, 'of another version';
is $s->ws("/ws/progress/$film->{job_id}", token => $token, headers => { 'Sec-WebSocket-Key' => 'x' })->status, 400, 'with another key';

for my $path (qw(/users/me /videos /jobs /compositions /health /health/ready), "/videos/$film->{id}", "/jobs/$film->{job_id}") {
    my $r = $s->req(HEAD => $path, token => $token);
    is $r->{status}, 200, "HEAD $path";
    ok !length($r->{body} || ''), "HEAD $path has no body";
    cmp_ok $r->{headers}{'content-length'}, '>', 10, "HEAD $path tells its length";
    ok $r->{headers}{'x-request-id'}, "HEAD $path has its id";
}
for my $query ('limit=abc', 'limit=-1', 'limit=99999999999', 'cursor=x', 'cursor=%ff', 'cursor=%00', 'cursor=4pyT', '=&&=x&limit', join '&', map {"a$_=1"} 1 .. 50) {
    my $r = $s->req(GET => "/jobs?$query", token => $token);
    is $r->{status}, 200, 'GET /jobs?' . substr $query, 0, 20;
}
is scalar @{ $s->req(GET => '/videos?limit=0', token => $token)->{json}{items} }, 1, 'a page has at least one item';


# ---------------------------------------------------------------- the id of a request

my $long = 'x' x 128;
for my $id ('abc', 'a-1_2.3:4', $long) {
    my $r = $s->req(GET => '/nowhere', headers => { 'X-Request-Id' => $id });
    is $r->{headers}{'x-request-id'}, $id, 'an id of the caller: ' . substr $id, 0, 20;
    is $r->{json}{instance}, $id, 'the problem names it';
}
for my $id ('', ' ', 'a b', 'a"b', '<b>', 'a/b', 'x' x 129) {
    my $r = $s->req(GET => '/nowhere', headers => { 'X-Request-Id' => $id });
    like $r->{headers}{'x-request-id'}, qr/\A[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\z/, 'an id that is not taken: ' . substr $id, 0, 20;
    is $r->{json}{instance}, $r->{headers}{'x-request-id'}, 'the problem names another';
}
unlike $s->raw("GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Request-Id: x\xe9\r\nConnection: close\r\n\r\n"), qr/\xe9/, 'nor one of other bytes';
is $s->req(GET => '/health', headers => { 'X-Request-Id' => 'healthy' })->{headers}{'x-request-id'}, 'healthy', 'where all is well, too';
my $id = $s->req(POST => '/compositions', token => $token, json => doc(clip(duration => 1)), headers => { 'X-Request-Id' => 'mine' })->{json}{job_id};
is $s->psql("SELECT request_id FROM render.job WHERE id = '$id'"), 'mine', 'the job remembers it';
is $s->wait_job($token, $id)->{status}, 'completed', 'after all this, a film is still rendered';

$s->stop;
done_testing;
