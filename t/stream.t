# An asset's bytes: ranges, conditions, and what a browser is told to do with them.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Render::Test;
use Render::Test::Elsewhere;
use Render::Test::Form;
use Render::Test::Problem;

my $s = Render::Test->start(worker => 0, nginx_workers => 2, http_conf => 'render_bcrypt_cost 5;');
my $user    = $s->signup;
my $token   = $user->{token};
my $account = $user->{account}{id};
my $clip  = make_media('stream-clip.mp4', qw(-f lavfi -i testsrc2=size=320x240:rate=25:duration=2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p));
my $bytes = do { open my $in, '<:raw', $clip or die "$clip: $!"; local $/; <$in> };
my $size  = length $bytes;

my $film = $s->upload($token, $clip, name => 'clip.mp4');
my $path = "/videos/$film->{id}/stream";
sub get { my ($headers, %opt) = @_; return $s->req($opt{method} || 'GET' => $opt{path} || $path, token => $token, headers => $headers || {}) }


# ---------------------------------------------------------------- whole, and in part

my $r = get();
is $r->{status}, 200, 'the whole';
is $r->{body}, $bytes, 'is what was sent';
my %h = %{ $r->{headers} };
is $h{'content-type'}, 'video/mp4', 'of its type';
is $h{'content-length'}, $size, 'and length';
like $h{etag}, qr/\A"[\w-]+"\z/, 'with a strong tag';
like $h{'last-modified'}, qr/ GMT\z/, 'and a time';
if ($s->s3) {
    is_elsewhere $r->{redirected}, 'S3 sends it, for a while', key => "inputs/$account/$film->{id}";
    is_elsewhere get({}, method => 'HEAD'), 'HEAD';
    is_deeply [sort keys %{ get({}, method => 'HEAD')->{headers} }], [sort keys %{ $r->{redirected}{headers} }], 'says the same';
} else {
    is $h{'accept-ranges'}, 'bytes', 'parts may be asked for';
    is $h{'x-content-type-options'}, 'nosniff', 'nobody guesses its type';
    like $h{'content-security-policy'}, qr/sandbox/, 'nor lets it act';
    like $h{'cache-control'}, qr/private/, 'nor shares it';
    ok $h{'x-request-id'}, 'the request has its id';
    $r = get({}, method => 'HEAD');
    is $r->{status}, 200, 'HEAD';
    is_deeply { map { $_ => $r->{headers}{$_} } qw(content-type content-length etag content-disposition accept-ranges) },
        { map { $_ => $h{$_} } qw(content-type content-length etag content-disposition accept-ranges) }, 'says the same';
    ok !length($r->{body} || ''), 'and nothing more';
}

my %range = (
    'bytes=0-0'        => [0, 1],
    'bytes=0-99'       => [0, 100],
    'bytes=100-'       => [100, $size - 100],
    'bytes=-100'       => [$size - 100, 100],
    'bytes=5-9999999'  => [5, $size - 5],
    'bytes=-99999999'  => [0, $size],
);
for my $range (sort keys %range) {
    my ($from, $n) = @{ $range{$range} };
    $r = get({ Range => $range });
    is $r->{status}, 206, $range;
    is $r->{headers}{'content-range'}, sprintf('bytes %d-%d/%d', $from, $from + $n - 1, $size), "$range: where it is";
    ok $r->{body} eq substr($bytes, $from, $n), "$range: and the bytes";
}
$r = get({ Range => "bytes=$size-" });
is $r->{status}, 416, 'behind the end';
is get({ Range => $_ })->{status}, 200, "no range: '$_'" for 'lines=1-2', 'bytes';
unless ($s->s3) {                       # which may do as it likes with these
    is $r->{headers}{'content-range'}, "bytes */$size", 'where that is';
    $r = get({ Range => 'bytes=0-9,20-29' });
    is $r->{status}, 206, 'two parts';
    like $r->{headers}{'content-type'}, qr{\Amultipart/byteranges}, 'come as such';
    is get({ Range => 'bytes=0-9' }, method => 'HEAD')->{headers}{'content-length'}, 10, 'HEAD of a part';
}


# ---------------------------------------------------------------- conditions

# S3 knows fewer of them.
for my $match ($h{etag}, $s->s3 ? () : ("W/$h{etag}", qq{"x", $h{etag}}, '*')) {
    $r = get({ 'If-None-Match' => $match });
    is $r->{status}, 304, "If-None-Match: $match";
    ok !length($r->{body} || ''), 'is no body';
    is $r->{headers}{etag}, $h{etag}, 'but its tag';
}
is get({ 'If-None-Match' => '"x"' })->{status}, 200, 'another tag';
is get({ 'If-Modified-Since' => $h{'last-modified'} })->{status}, 304, 'not modified since';
is get({ 'If-Match' => '"x"' })->{status}, 412, 'If-Match of another';
is get({ 'If-Match' => $h{etag} })->{status}, 200, 'of this one';
is get({ Range => 'bytes=0-9', 'If-Range' => $h{etag} })->{status}, 206, 'a part of what is known';
is get({ Range => 'bytes=0-9', 'If-Range' => $h{'last-modified'} })->{status}, 206, 'a part by its time';
unless ($s->s3) {
    is get({ 'If-None-Match' => '"x"', 'If-Modified-Since' => $h{'last-modified'} })->{status}, 200, 'the tag has the last word';
    is get({ Range => 'bytes=0-9', 'If-Range' => '"x"' })->{status}, 200, 'of another all';
    is get({ 'If-None-Match' => $h{etag} }, method => 'HEAD')->{status}, 304, 'HEAD, too';
}
$s->req(PATCH => "/videos/$film->{id}", token => $token, json => { title => 'Another title' });
is get()->{headers}{etag}, $h{etag}, 'another title makes no other bytes';


# ---------------------------------------------------------------- what it is called, and what is done with it

is $h{'content-disposition'}, 'inline; filename="clip.mp4"', 'a film is shown';
is get({}, path => "$path?download=1")->{headers}{'content-disposition'}, 'attachment; filename="clip.mp4"', 'or saved, if asked for';
my %kind = (
    'page.html' => ['<!DOCTYPE html><html><script>alert(1)</script></html>', 'attachment'],
    'page.mp4'  => ['<!DOCTYPE html><html><script>alert(1)</script></html>', 'attachment'],
    'draw.svg'  => ['<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', 'attachment'],
    'note.txt'  => ["words\n" x 10, 'attachment'],
    'x.pdf'     => ["%PDF-1.4\n%\xe2\xe3\n", 'attachment'],
    'x.js'      => ['#!/usr/bin/env node', 'attachment'],
    'x.png'     => ["\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0", 'inline'],
    'x.wav'     => ["RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\0\0\0\0", 'inline'],
    'x.bin'     => [join('', map { chr } 128 .. 255), 'attachment'],
);
for my $name (sort keys %kind) {
    my ($content, $how) = @{ $kind{$name} };
    my $a = $s->upload($token, \$content, name => $name, type => 'video/mp4');
    my $r = get({}, path => "/videos/$a->{id}/stream");
    like $r->{headers}{'content-disposition'}, qr/\A$how; filename="\Q$name\E"\z/, "$name is " . ($how eq 'inline' ? 'shown' : 'saved');
    is $r->{body}, $content, "$name as it was sent";
    is $r->{headers}{'x-content-type-options'}, 'nosniff', "$name: nobody guesses" unless $s->s3;
}
my %name = (
    'a"b.mp4'                   => qr/\Ainline; filename="a_b\.mp4"\z/,
    'a\\b.mp4'                  => qr/\Ainline; filename="b\.mp4"\z/,
    '../../etc/passwd'          => qr/\Ainline; filename="passwd"\z/,
    "a\r\nX-Evil: 1.mp4"        => qr/\Ainline; filename="a_+X-Evil: 1\.mp4"\z/,
    "\xc3\xa9t\xc3\xa9.mp4"     => qr/\Ainline; filename="_t_\.mp4"; filename\*=UTF-8''%C3%A9t%C3%A9\.mp4\z/,
    "a\xe2\x80\xaegpj.mp4"      => qr/\A(?!.*%E2%80%AE)inline; filename="a_gpj\.mp4"/,
    "a;b=c, d.mp4"              => qr/\Ainline; filename="a;b=c, d\.mp4"\z/,
    "100%.mp4"                  => qr/\Ainline; filename="100[%_]\.mp4"/,
    ('x' x 250) . '.mp4'        => qr/\Ainline; filename="x+\.mp4"\z/,
    ''                          => qr/\Ainline(?:; filename="[^"]*")?\z/,
    '.'                         => qr/\Ainline(?:; filename="[^"]*")?\z/,
);
for my $name (sort keys %name) {
    (my $query = $name) =~ s/([^A-Za-z0-9])/sprintf '%%%02X', ord $1/ge;
    my $a = $s->req(POST => "/videos/upload?filename=$query", token => $token, body => $bytes)->{json};
    my $r = get({}, path => "/videos/$a->{id}/stream");
    (my $shown = substr $name, 0, 20) =~ s/[^ -~]/?/g;
    like $r->{headers}{'content-disposition'}, $name{$name}, "the name '$shown'";
    is $r->{headers}{'x-evil'}, undef, "the name '$shown' makes no header";
}

is_problem get({}, path => '/videos/00000000-0000-4000-8000-000000000000/stream'), 404, 'no asset';
is_problem $s->req(GET => $path), 401, 'nobody';
is_problem $s->req(POST => $path, token => $token), 405, 'nothing is sent there';
my $key = $s->psql("SELECT storage_key FROM render.asset WHERE id = '$film->{id}'");
$s->psql("INSERT INTO render.asset (id, owner, filename, title, storage_key) SELECT '11111111-1111-4111-8111-111111111111', owner, 'x', 'x', 'inputs/x/y' FROM render.asset LIMIT 1");
is_problem get({}, path => '/videos/11111111-1111-4111-8111-111111111111/stream'), 404, 'what is still being uploaded is not there';
$s->drop_object($key);
is_gone get(), 'nor is what storage has lost';

$s->stop;
done_testing;
