# Films of what a form holds: POST /upload and POST /jobs, and jobs by JSON.

use strict;
use warnings;

use lib 't/lib';

use Test::More;

use Render::Test;
use Render::Test::Form;
use Render::Test::Problem;

my $s = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;');
my $token = $s->signup->{token};
my $other = $s->signup->{token};

my %file = (
    'clip.mp4'  => make_media('films-clip.mp4', qw(-f lavfi -i testsrc2=size=320x240:rate=25:duration=2 -c:v libx264
        -preset ultrafast -pix_fmt yuv420p)),
    'photo.png' => make_media('films-photo.png', qw(-f lavfi -i testsrc2=size=64x48 -frames:v 1)),
    'song.wav'  => make_media('films-song.wav', qw(-f lavfi -i sine=frequency=330:duration=8)),
    'note.txt'  => undef,
);

sub bytes_of {
    my ($name) = @_;
    return "a note\n" x 20 unless defined $file{$name};
    open my $in, '<:raw', $file{$name} or die "$file{$name}: $!";
    local $/;
    return scalar <$in>;
}
sub part { return file($_[0], bytes_of($_[0])) }

sub count {
    my ($what) = @_;
    return $s->psql("SELECT count(*) FROM render.$what");
}

# film($answer, $what, seconds => , width => , height => , sound => 0|1, fps =>): a film like this comes of it
sub film {
    my ($r, $what, %want) = @_;
    is $r->{status}, 202, "$what: taken" or return diag $r->{body};
    my $id = $r->{json}{job_id};
    is $r->{headers}{location}, "/jobs/$id", "$what: where it is";
    is $r->{headers}{'retry-after'}, 1, "$what: when to ask";
    is_deeply $r->{json}{links}, { job => "/jobs/$id", progress => "/ws/progress/$id", events => "/jobs/$id/events", result => "/results/$id/final" },
        "$what: its links";
    my $job = $s->wait_job($token, $id);
    is $job->{status}, 'completed', "$what: rendered" or return diag explain $job->{error};
    my $link = $s->req(GET => "/results/$id/final", token => $token);
    my $got  = $s->req(GET => $link->{headers}{location});
    my $file = $s->home . "/$id.mp4";
    open my $out, '>:raw', $file or die "$file: $!";
    print {$out} $got->{body};
    close $out or die "$file: $!";
    my $probe = ffprobe($file, count_packets => 1);
    my ($video) = grep { $_->{codec_type} eq 'video' } @{ $probe->{streams} };
    my ($audio) = grep { $_->{codec_type} eq 'audio' } @{ $probe->{streams} };
    cmp_ok abs($video->{duration} - $want{seconds}), '<', 0.05, "$what: plays $want{seconds} s" or diag $video->{duration};
    is "$video->{width}x$video->{height}", "$want{width}x$want{height}", "$what: its size" if $want{width};
    is $video->{nb_read_packets}, $want{seconds} * $want{fps}, "$what: its frames" if $want{fps};
    is !!$audio, !!$want{sound}, "$what: " . ($want{sound} ? 'with sound' : 'without a sound');
    cmp_ok abs($audio->{duration} - $want{seconds}), '<', 0.1, "$what: which is as long" if $want{sound} && $audio;
    return $job;
}


# ---------------------------------------------------------------- films

my @size = (field(width => 320), field(height => 240), field(fps => 25));
my $r = send_form($s, $token, '/upload', field(title => 'Holiday'), part('photo.png'), field(transition => 'fade'), part('clip.mp4'),
    @size, part('song.wav'), field(image_duration => 3.5), field(who => 'me'));
# three and a half seconds and two, less half a second of fading
film($r, 'a picture, a video and a sound', seconds => 5, width => 320, height => 240, fps => 25, sound => 1);
is_deeply [map { "$_->{filename} $_->{kind}" } @{ $r->{json}{assets} }], ['photo.png image', 'clip.mp4 video', 'song.wav audio'],
    'the answer names its assets';
my $c = $s->req(GET => "/compositions/$r->{json}{composition_id}", token => $token)->{json};
is $c->{title}, 'Holiday', 'there is a composition of this title';
is $c->{config}{metadata}{who}, 'me', 'which keeps what the form said besides';
is $c->{status}, 'completed', 'and is completed';
is_deeply [map { $_->{asset} ? $_->{asset}{src} : $_->{type} } @{ $c->{config}{timeline}{tracks}[0]{clips} }],
    [$r->{json}{assets}[0]{src}, 'transition', $r->{json}{assets}[1]{src}], 'it can be read, and changed, as any other';
my $again = $s->req(POST => '/compositions', token => $token, json => { %{ $c->{config} }, title => 'Again' });
is $again->{status}, 202, 'and posted' or diag $again->{body};
is_problem $s->req(GET => "/compositions/$c->{id}", token => $other), 404, 'by nobody else';

$r = send_form($s, $token, '/jobs', part('photo.png'), field(image_duration => 1.2), @size);
film($r, 'a picture alone, by POST /jobs', seconds => 1.2, width => 320, height => 240, fps => 25);
$r = $s->req(POST => '/upload?pipeline=film&width=160&height=120&fps=10&filename=clip.mp4', token => $token, body => bytes_of('clip.mp4'),
    headers => { 'Content-Type' => 'video/mp4' });
film($r, 'a raw body', seconds => 2, width => 160, height => 120, fps => 10);
is $r->{json}{assets}[0]{filename}, 'clip.mp4', 'a raw body: its name';
$r = send_form($s, $token, '/upload?width=160&height=120', field(fps => 10), part('clip.mp4'));
film($r, 'fields of form and query', seconds => 2, width => 160, height => 120, fps => 10);
$r = send_form($s, $token, '/upload', field(width => 320), field(fps => 25), part('photo.png'), field(image_duration => 1),
    field(visibility => 'link'), field(transition => 'none'));
my $job = film($r, 'a width without a height', seconds => 1);
like $r->{json}{assets}[0]{visibility}, qr/link/, 'shared by its link';
my $shared = $s->req(GET => "/compositions/$r->{json}{composition_id}", token => $token)->{json};
is $s->req(GET => $shared->{share_url})->{status}, 302, 'so is the film';
is $s->req(GET => $s->req(GET => "/videos/$shared->{output_asset}", token => $token)->{json}{share_url})->{status}, 200, 'whose bytes are, too';
film(send_form($s, $token, '/upload', part('clip.mp4'), part('song.wav'), part('song.wav'), field(width => '160.0'), field(height => '120.0'),
    field(fps => '12.5')), 'two sounds', seconds => 16, sound => 1, width => 160, height => 120);


# ---------------------------------------------------------------- what is no film

my %before = map { $_ => count($_) } qw(composition job);
my @photo  = part('photo.png');
my %bad    = (
    'another pipeline'      => ['/pipeline', qr/"film"/, field(pipeline => 'shorts'), @photo],
    'another transition'    => ['/transition', qr/none or fade/, field(transition => 'wipe'), @photo],
    'no time for a picture' => ['/image_duration', qr/seconds/, field(image_duration => 0), @photo],
    'a time that is none'   => ['/image_duration', qr/seconds/, field(image_duration => 'long'), @photo],
    'an hour'               => ['/image_duration', qr/600/, field(image_duration => 3600), @photo],
    'an odd width'          => ['/width', qr/even/, field(width => 321), @photo],
    'a width too large'     => ['/width', qr/3840/, field(width => 4000), @photo],
    'a width that is none'  => ['/width', qr/even/, field(width => '1e2'), @photo],
    'an empty width'        => ['/width', qr/even/, field(width => ''), @photo],
    'a height too small'    => ['/height', qr/16/, field(height => 2), @photo],
    'no frames'             => ['/fps', qr/1 to 120/, field(fps => 0), @photo],
    'a visibility'          => ['/visibility', qr/private/, field(visibility => 'all'), @photo],
    'a text'                => ['/file', qr/note\.txt is of type text/, part('note.txt'), @photo],
    'a sound alone'         => ['', qr/picture or a video/, part('song.wav')],
);
for my $what (sort keys %bad) {
    my ($pointer, $detail, @parts) = @{ $bad{$what} };
    is_problem send_form($s, $token, '/upload', @parts), 422, $what, pointer => $pointer, detail => $detail;
}
my $all = send_form($s, $token, '/upload', field(pipeline => 'x'), field(fps => 1000), field(width => 15), @photo);
is_deeply [sort map { $_->{pointer} } @{ $all->{json}{errors} }], ['/fps', '/pipeline', '/width'], 'all at once';
is_problem send_form($s, $token, '/upload?pipeline=shorts', field(title => 'x'), @photo), 422, 'another pipeline in the query', pointer => '/pipeline';
is_problem $s->req(POST => '/upload?pipeline=shorts', token => $token, body => bytes_of('photo.png')), 422, 'of a raw body', pointer => '/pipeline';
is_problem $s->req(POST => '/upload', token => $token, body => "a note\n"), 422, 'a raw text', pointer => '/file', detail => qr/the body is of type text/;
is_problem send_form($s, $token, '/upload', field(title => 'x')), 400, 'no file', detail => qr/no file/;
is_problem send_form($s, $token, '/jobs', field(title => 'x')), 400, 'no file for a job', detail => qr/no file/;
is_problem $s->req(POST => '/upload', body => 'x'), 401, 'nobody uploads';
is_deeply { map { $_ => count($_) } keys %before }, \%before, 'nothing of these is made';
is $s->psql("SELECT count(*) FROM render.asset WHERE status <> 'uploading' AND filename = 'note.txt'"), 0, 'nor stored';

# The janitor takes what was stored of them.
sub objects { return scalar(my @all = $s->objects('inputs')) }
ok eval { wait_until(sub { objects() == count("asset WHERE origin = 'upload'") }, 10) }, 'nor left in storage' or diag objects();

# What only the bytes say: a file that looks like a film.
$r = send_form($s, $token, '/upload', file('broken.mp4', substr bytes_of('clip.mp4'), 0, 2000));
is $r->{status}, 202, 'half a film is taken';
$job = $s->wait_job($token, $r->{json}{job_id});
is $job->{status}, 'failed', 'and fails';
ok length $job->{error}{detail}, 'with a reason' or diag explain $job;


# ---------------------------------------------------------------- jobs by JSON

sub post { return $s->req(POST => '/jobs', token => $_[1] || $token, json => $_[0]) }
my $doc = { title => 'By JSON', timeline => { width => 64, height => 48, fps => 10, tracks => [{ clips => [{ asset =>
    { type => 'color', color => '#123456' }, duration => 1 }] }] } };

film($r = post({ kind => 'composition', composition => $doc }), 'a document', seconds => 1, width => 64, height => 48, fps => 10);
my $id = $r->{json}{composition_id};
film($r = post({ kind => 'composition', composition_id => $id }), 'a composition that is there', seconds => 1);
is $r->{json}{composition_id}, $id, 'is the same one';
is $r->{json}{revision}, 1, 'as it was';
is $s->req(GET => "/compositions/$id", token => $token)->{json}{job_id}, $r->{json}{job_id}, 'with a newer job';

%before = map { $_ => count($_) } qw(composition job);
is_problem post({ kind => 'composition' }), 422, 'neither of the two', pointer => '', detail => qr/either/;
is_problem post({ kind => 'composition', composition => $doc, composition_id => $id }), 422, 'both of them', pointer => '', detail => qr/either/;
is_problem post({ composition => $doc }), 422, 'no kind', pointer => '/kind', detail => qr/missing/;
is_problem post({ kind => 'shorts', composition => $doc }), 422, 'another kind', pointer => '/kind', detail => qr/"shorts"/;
is_problem post({ kind => 'prompt', prompt => 'a cat' }), 422, 'one with members of its own', pointer => '/kind', detail => qr/"prompt"/;
is_problem post({ kind => 5 }), 422, 'a number', pointer => '/kind', detail => qr/string/;
is_problem post({ kind => 'composition', composition => 'x' }), 422, 'a document that is none', pointer => '/composition', detail => qr/object/;
is_problem post({ kind => 'composition', composition_id => 5 }), 422, 'an id that is none', pointer => '/composition_id', detail => qr/string/;
is_problem post({ kind => 'composition', composition => $doc, colour => 'red' }), 422, 'a member that is not known', pointer => '/colour';
is_problem post({ kind => 'composition', composition => { titel => 'x', %$doc } }), 422, 'a slip in the document', pointer => '/composition/titel';
is_problem post({ kind => 'composition', composition => { timeline => { tracks => [{ clips => [{ asset => { type => 'video',
    src => 'asset:00000000-0000-4000-8000-000000000000' } }] }] } } }), 422, 'an asset that is not there',
    pointer => '/composition/timeline/tracks/0/clips/0/asset/src', detail => qr/not exist/;
is_problem post({ kind => 'composition', composition_id => $_ }), 404, "no composition: $_", detail => qr/composition/
    for 'x', '00000000-0000-4000-8000-000000000000';
is_problem post({ kind => 'composition', composition_id => $id }, $other), 404, "another's";
is_problem $s->req(POST => '/jobs', token => $token, body => $_), 400, "no JSON: $_" for '[]', 'x', '';
is_deeply { map { $_ => count($_) } keys %before }, \%before, 'nothing of these is made';


# ---------------------------------------------------------------- films of films

my $rendered;
my $plain = sub { return { timeline => { width => 64, height => 48, fps => 10, tracks => [{ clips => \@_ }] } } };
for my $color ('#f00', '#0f0') {
    $r = $s->req(POST => '/compositions', token => $token, json => $plain->({ asset => { type => 'color', color => $color }, duration => 1 }));
    $s->wait_job($token, $r->{json}{job_id});
    my $film = $s->req(GET => "/compositions/$r->{json}{composition_id}", token => $token)->{json}{output_asset};
    $r = $s->req(POST => '/compositions', token => $token, json => $plain->({ asset => { type => 'video', src => "asset:$film" }, duration => 0.5 }));
    my $of = $s->wait_job($token, $r->{json}{job_id});
    $rendered = "asset:$film";
    is $of->{status}, 'completed', "$color: what was rendered is a clip like any other" or diag explain $of->{error};
    is_deeply $of->{segments}{by_mode}, { render => 1 }, "$color: and not taken for another";
}

# All that moves, by a worker: the engine's children hold little more than their descriptors.
$r = $s->req(POST => '/compositions', token => $token, json => { timeline => { width => 160, height => 90, fps => 25, tracks => [
    { clips => [
        { asset => { type => 'shape', shape => 'star' }, duration => 3, keyframes => { rotate => [{ time => 0, value => 0 },
            { time => 'end', value => 90, easing => 'ease-in-out' }] } },
        { type => 'transition', transition_type => 'circleopen', duration => 0.4 },
        { asset => { type => 'video', src => $rendered }, duration => 1, speed => 0.5, fit => 'contain-blur', radius => '20%',
            effects => [{ type => 'blur' }, { type => 'sepia' }], crop => { width => '50%' } },
        { asset => { type => 'color', color => '#123' }, duration => 4 }] },
    { clips => [{ asset => { type => 'text', text => 'T' }, duration => 2, keyframes => { scale => [{ time => 0, value => 0.5 },
        { time => 1, value => 2 }] } }] }] } });
is $r->{status}, 202, 'what moves: taken' or diag $r->{body};
my $moving = $s->wait_job($token, $r->{json}{job_id});
is $moving->{status}, 'completed', 'what moves: rendered' or diag explain $moving->{error};
is $moving->{segments}{by_mode}{still}, 1, 'what moves: and what does not is a still' or diag explain $moving->{segments};

# A source that is merged is one of the account's like any other.
my $merge = { merge => { CLIP => $rendered, SECONDS => 0.5 }, %{ $plain->({ asset => { type => 'video', src => '{{CLIP}}' },
    duration => '{{SECONDS}}' }) } };
$r = $s->req(POST => '/compositions', token => $token, json => $merge);
is $r->{status}, 202, 'merge fields: taken' or diag $r->{body};
my $merged = $s->wait_job($token, $r->{json}{job_id});
is $merged->{status}, 'completed', 'merge fields: rendered' or diag explain $merged->{error};
my ($begin, $end) = $rendered =~ /(\w{8})-([\w-]+)\z/;
my $pieced = { merge => { BEGIN => $begin, END => $end }, %{ $plain->({ asset => { type => 'video', src => 'asset:{{BEGIN}}-{{END}}' },
    duration => 0.5, opacity => 0.5 }) } };
$r = $s->req(POST => '/compositions', token => $token, json => $pieced);
is $s->wait_job($token, $r->{json}{job_id})->{status}, 'completed', 'a source put together of merge fields: rendered';
my $valid = $s->req(POST => '/compositions/validate', token => $token, json => $pieced);
is $valid->{status}, 200, 'and valid' or diag $valid->{body};
$pieced->{timeline}{tracks}[0]{clips}[0]{opacity} = 0.75;
my $patched = $s->req(PATCH => "/compositions/$r->{json}{composition_id}", token => $token, json => { config => $pieced });
is $patched->{status}, 202, 'and may take the place of another' or diag $patched->{body};
is $s->wait_job($token, $patched->{json}{job_id})->{status}, 'completed', 'which is rendered';
is_problem $s->req(POST => '/compositions', token => $other, json => $merge), 422, "another's source, merged",
    pointer => '/timeline/tracks/0/clips/0/asset/src';
is_problem $s->req(POST => '/compositions', token => $token, json => { %$merge, merge => { SECONDS => 1 } }), 422, 'a name that is not there',
    pointer => '/timeline/tracks/0/clips/0/asset/src', detail => qr/CLIP/;

$s->stop;
done_testing;
