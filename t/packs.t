# Outputs that are no films, with no server: GIF, stills, sequences, sheets and
# their cues; where the command puts what it makes; what it says and leaves
# behind when it cannot.  Films: outputs.t.

use strict;
use warnings;

use File::Temp qw(tempdir);
use JSON::PP;
use List::Util qw(sum);
use POSIX qw(ceil);
use Test::More;

use Render::Test qw(ffprobe);
use Render::Test::Numbers;
use Render::Test::Files;

my $build = $ENV{RENDER_BUILD} // 'build';
my $dir   = tempdir(CLEANUP => 1);
my $json  = JSON::PP->new->utf8->canonical;

symlink numbered(30), "$dir/count.mov" or die $!;
mkdir "$dir/tmp" or die $!;
$ENV{TMPDIR} = "$dir/tmp";      # so that one sees what is left

# o($format, ...): an output
sub o { return { format => @_ } }

# film([clips], outputs): 30 pictures a second; a number stands for so many seconds of the numbered source
sub film {
    my ($clips, @outputs) = @_;
    my @clips = map { ref ? $_ : { asset => { type => 'video', src => 'count.mov' }, duration => $_ } } @$clips;
    return { timeline => { width => 160, height => 90, fps => 30, tracks => [ { clips => \@clips } ] }, outputs => \@outputs };
}

sub plain { return { asset => { type => 'color', color => $_[0] }, duration => $_[1] } }

# run($command, $document, options): status and what was said
sub run {
    my ($command, $document, @options) = @_;
    spew("$dir/film.json", $json->encode($document));
    my $said = `$build/render $command $dir/film.json @options 2>&1 >/dev/null`;
    return ($?, $said);
}

sub compose {
    my ($name, $document, @options) = @_;
    my ($status, $said) = run('compose', $document, '-o', "$dir/$name", @options);
    is $status, 0, "$name: made" or diag $said;
    return "$dir/$name";
}

sub files_in { return join ' ', sort map { s{.*/}{}r } glob "$_[0]/*" }

# ---------------------------------------------------------------- GIF

# gif($file): { loops, delays => [hundredths of a second], pictures }, as its bytes say
sub gif {
    my ($file) = @_;
    my $b = slurp($file);
    my %is = (pictures => 0, delays => []);
    my $table = sub { my ($flags) = @_; return $flags & 0x80 ? 3 * 2 ** (($flags & 7) + 1) : 0 };
    my $at = 13 + $table->(ord substr $b, 10, 1);
    my $blocks = sub {
        my $all = '';
        while (my $n = ord substr $b, $at++, 1) { $all .= substr $b, $at, $n; $at += $n }
        return $all;
    };
    while ((my $kind = substr $b, $at++, 1) ne ';') {
        if ($kind eq '!') {
            my $label = ord substr $b, $at++, 1;
            my $data = $blocks->();
            push @{ $is{delays} }, unpack 'x v', $data if $label == 0xf9;
            $is{loops} = unpack 'x12 v', $data if $data =~ /\ANETSCAPE2\.0/;
        }
        else {
            $kind eq ',' or die "$file: a block of another kind at $at\n";
            $is{pictures}++;
            $at += 9 + $table->(ord substr $b, $at + 8, 1) + 1;
            $blocks->();
        }
    }
    $at == length $b or die "$file: something behind its end\n";
    return \%is;
}

my $out = compose('gif', film([4], o('gif'), o('gif', name => 'seven', fps => 7), o('gif', name => 'slow', fps => 1.25),
    o('gif', name => 'fast', fps => 50, width => 80),
    o('gif', name => 'part', fps => 15, range => { start => '45f', duration => '9f' })));
my %gifs = (final => [10, 40], seven => [7, 28], fast => [50, 200], part => [15, 5], slow => [1.25, 5]);
for my $name (sort keys %gifs) {
    my ($fps, $n) = @{ $gifs{$name} };
    my $gif = gif("$out/$name.gif");
    is $gif->{pictures}, $n, "$name.gif: so many pictures";
    is $gif->{loops}, 0, "$name.gif: it loops for ever";
    my ($at, @off) = (0);
    for my $i (0 .. $n - 1) {
        push @off, "$i: $at" if abs($at - $i * 100 / $fps) > 1;
        $at += $gif->{delays}[$i];
    }
    is "@off", '', "$name.gif: each is shown at its time";
    cmp_ok abs($at - $n * 100 / $fps), '<=', 1, "$name.gif: the last one, too";
    is_deeply [numbers("$out/$name.gif")], [numbers_of($name eq 'part' ? 45 : 0, $n, 30, $fps)], "$name.gif: which they are";
}
is gif(compose('still.gif', film([plain('#345678', 1)], o('gif'))))->{pictures}, 10, 'what does not move has all of its pictures';

# What was shown is gone where nothing is shown any more.
my $moving = film([ map { +{ %{ plain('#c02020', 0.5) }, width => 80, height => 90, position => { x => $_, y => 0 } } } 0, 80 ],
    o('gif'), o('gif', name => 'large', width => 320), o('sprite', interval => 0.5));
$moving->{timeline}{background} = '#00ff0000';
$out = compose('moving', $moving);
for my $file ("$out/final.gif", "$out/large.gif") {
    my $raw = `ffmpeg -nostdin -v error -i $file -vf crop=iw:2,scale=8:1:flags=neighbor,format=rgba -f rawvideo -`;
    my @alpha = map { join ' ', map { (unpack 'C4')[3] } unpack '(a4)*' } unpack '(a32)*', $raw;
    is_deeply \@alpha, [('255 255 255 255 0 0 0 0') x 5, ('0 0 0 0 255 255 255 255') x 5], "$file: what lets through, in motion";
}

my $sheet = `ffmpeg -nostdin -v error -i $out/sprite.jpg -vf scale=in_color_matrix=bt601,format=rgb24 -f rawvideo -`;
is_deeply [map { (unpack 'C3', substr $sheet, 3 * (45 * 320 + $_), 3)[1] > 240 ? 'green' : 'red' } 40, 120, 200, 280],
    [qw(red green green red)], 'a sheet shows the background as if it were there';

# ---------------------------------------------------------------- stills and sequences

my $stills = film([4], o('png'), o('jpg', time => '75f'), o('png', name => 'last', time => 3.97, width => 64),
    o('jpg', name => 'zero', time => 0), o('png-sequence', fps => 12.5),
    o('png-sequence', name => 'some', range => { start => '30f', duration => '6f' }, fps => 60), o('sprite'));
$out = compose('stills', $stills);
is_deeply [map { numbers("$out/$_") } qw(final.png jpg.jpg last.png zero.jpg)], [30, '75!', 119, 0],
    'a still is the picture of its time';
is ffprobe("$out/last.png")->{streams}[0]{pix_fmt}, 'rgb24', 'a PNG of what is not see-through has no alpha';
$stills->{poster} = { time => '33f' };
is_deeply [numbers(compose('poster', $stills) . '/final.png')], ['33!'], 'which is the poster\'s, unless it is told';

my $names = join ' ', map { sprintf '%06d.png', $_ } 0 .. 49;
is files_in(unzip("$out/png-sequence.zip")), $names, 'a sequence: its names';
is_deeply [numbers("$out/png-sequence/%06d.png")], [numbers_of(0, 50, 12, 5)], 'and its pictures';
is_deeply [numbers(unzip("$out/some.zip") . '/%06d.png')], [numbers_of(30, 12, 1, 2)], 'of a part, each twice';

# ---------------------------------------------------------------- sheets

sub seconds { my ($h, $m, $s) = split /:/, $_[0]; return ($h * 60 + $m) * 60 + $s }

# cues($file): [from, to, name of the sheet, x, y, w, h]
sub cues {
    my ($head, @cues) = split /\n\n/, slurp($_[0]);
    die "$_[0]: no WebVTT\n" if $head ne 'WEBVTT';
    return map {
        /\A([\d:]+\.\d{3}) --> ([\d:]+\.\d{3})\n([^#\n]+)#xywh=(\d+),(\d+),(\d+),(\d+)\n?\z/ or die "$_[0]: $_\n";
        [seconds($1), seconds($2), $3, $4, $5, $6, $7];
    } @cues;
}

sub sheet_ok {
    my ($what, $file, $want, $ticks, $seconds, $w, $h, $columns) = @_;
    my @cues = cues("$file.vtt");
    my $n = @$want;
    is scalar(@cues), $n, "$what: a cue for each picture";
    is "@{ [map { $_->[2] } @cues] }", "@{ [map { $file =~ s{.*/}{}r . '.jpg' } @cues] }", "$what: which names the sheet";
    is_deeply [map { [@$_[0, 1]] } @cues], [map { [sprintf('%.3f', $_ * $ticks / 30) + 0,
        $_ + 1 < $n ? sprintf('%.3f', ($_ + 1) * $ticks / 30) + 0 : $seconds] } 0 .. $n - 1], "$what: and tells when it is shown"
        or diag explain \@cues;
    is_deeply [map { "@$_[3 .. 6]" } @cues], [map { join ' ', $_ % 10 * $w, int($_ / 10) * $h, $w, $h } 0 .. $n - 1],
        "$what: and where";
    my ($sheet) = @{ ffprobe("$file.jpg")->{streams} };
    is "$sheet->{width}x$sheet->{height}", $columns * $w . 'x' . ceil($n / 10) * $h, "$what: the sheet is no larger than that";
    # each place, by what the cue says of it
    my @there = map { numbers("$file.jpg", "crop=$_->[5]:$_->[6]:$_->[3]:$_->[4]") } @cues;
    is_deeply \@there, $want, "$what: the pictures are there";
}

$out = compose('sheets', film([4], o('sprite'), o('sprite', name => 'fine', interval => 0.3),
    o('sprite', name => 'part', interval => 0.5, range => { start => '10f', duration => '50f' }),
    o('sprite', name => 'small', width => 80, interval => 3.5)));
sheet_ok('each second', "$out/final", [numbers_of(0, 4, 30)], 30, 4, 160, 90, 4);
sheet_ok('in two rows', "$out/fine", [numbers_of(0, 14, 9)], 9, 4, 160, 90, 10);
sheet_ok('of a part', "$out/part", [numbers_of(10, 4, 15)], 15, 1.667, 160, 90, 4);
sheet_ok('small', "$out/small", [numbers_of(0, 2, 105)], 105, 4, 80, 46, 2);
is scalar(my @long = cues(compose('long', film([plain('#123', 250)], o('sprite', width => 16))) . '/final.vtt')), 84,
    'of what lasts long there are at most a hundred';
is $long[1][0], 3, 'whole seconds apart';

# ---------------------------------------------------------------- where it is put

is files_in($out), join(' ', map { ("$_.jpg", "$_.vtt") } qw(final fine part small)), 'several: a folder, where they have names';
ok -f compose('any.name', film([1], o('wav', name => 'x'))), 'one: the file that is named';
ok -f compose('long', film([1], o('wav', name => 'x'))) . '/x.wav', 'in a folder that is there by its own name';
is files_in(compose('sheet', film([1], o('sprite', name => 's')))), 's.jpg s.vtt', 'one of two files: a folder';

# ---------------------------------------------------------------- what is damaged

my %pieces = (mp4 => 2, webm => 2, mov => 2, map { $_ => 1 } qw(gif mp3 m4a wav png jpg png-sequence sprite));
my $cache = "$dir/cache";
my @made;

sub pieces { return sort glob "$cache/*.mp4" }

for my $format (sort keys %pieces) {
    system 'rm', '-rf', $cache, "$dir/out";
    mkdir "$dir/out" or die $!;
    my $film = film([2], o($format));
    compose('out', $film, "--cache $cache");
    my %good = map { $_ => slurp($_) } glob "$dir/out/*";
    my @pieces = pieces();
    is scalar(@pieces), $pieces{$format}, "$format: its pieces" or next;
    for my $piece (@pieces) {
        my $whole = slurp($piece);
        my %bad = (empty => '', 'cut short' => substr($whole, 0, length($whole) / 2),
            'another head' => ~substr($whole, 0, 64) . substr($whole, 64));
        # what of it is looked at, and not only copied
        if ($format =~ /gif|sprite/) {
            for (['another picture', IDAT => 12], ['another height', IHDR => 11]) {
                my ($how, $chunk, $in) = @$_;
                substr($bad{$how} = $whole, index($whole, $chunk) + $in, 1) ^= "\1";
            }
        }
        for my $how (sort keys %bad) {
            spew($piece, $bad{$how});
            my ($status, $said) = run('compose', $film, '-o', "$dir/out", "--cache $cache");
            is $status >> 8, 1, "$format, $how: fails";
            like $said, qr/^render: a stored (?:piece|picture) /m, "$format, $how: says what of";
            is_deeply { map { $_ => slurp($_) } glob "$dir/out/*" }, \%good, "$format, $how: what was there is";
            is join(' ', pieces(), glob "$cache/*.part"), "@pieces", "$format, $how: nothing is left";
        }
        unlink $piece or die $!;
        compose('out', $film, "--cache $cache");
        ok slurp($piece) eq $whole, "$format: what is taken away is made again, the same";
        is_deeply { map { $_ => slurp($_) } glob "$dir/out/*" }, \%good, "$format: and all that comes of it";
    }
}

# Of several, those before it are whole, and those beside it.
system 'rm', '-rf', $cache, "$dir/out";
my $two = film([1], o('wav'), o('gif'), o('png'));
compose('out', $two, "--cache $cache");
my ($gif) = grep { slurp($_) =~ /(?:IDAT.*){10}/s } pieces();
spew($gif, '');
unlink glob "$dir/out/*";
isnt +(run('compose', $two, '-o', "$dir/out", "--cache $cache --jobs 1"))[0], 0, 'one of several fails';
is files_in("$dir/out"), 'final.wav', 'those before it are there';
is length slurp("$dir/out/final.wav"), 44 + 2 * 48_000, 'and whole';
isnt +(run('compose', $two, '-o', "$dir/out", "--cache $cache --jobs 3"))[0], 0, 'one of several that are written at once';
is files_in("$dir/out"), 'final.wav png.png', 'those beside it are there';

# As many are written at once as there are descriptors for.
my $sixteen = film([1], map { o('wav', name => "w$_", range => { duration => $_ . 'f' }) } 1 .. 16);
spew("$dir/film.json", $json->encode($sixteen));
my $few = `ulimit -n 90; exec $build/render compose $dir/film.json -o $dir/sixteen --jobs 16 2>&1`;
is $?, 0, 'sixteen outputs, ninety descriptors' or diag $few;
is files_in("$dir/sixteen"), join(' ', sort map {"w$_.wav"} 1 .. 16), 'all are there';

# More jobs than descriptors: no more run than there are descriptors for, and none waits for ever.
my $moves = film([ map { plain(sprintf('#%06x', $_), 1) } 1 .. 12 ], o('mp4'));
@{ $moves->{timeline} }{qw(width height)} = (1280, 720);
push @{ $moves->{timeline}{tracks} }, { clips => [ { asset => { type => 'color', color => '#fff' }, duration => 12, width => 100, height => 100,
    keyframes => { offset => [ { time => 0, value => { x => -400 } }, { time => 12, value => { x => 400 } } ] } } ] };
spew("$dir/film.json", $json->encode($moves));
$few = `ulimit -n 70; exec timeout 100 $build/render compose $dir/film.json -o $dir/many.mp4 --jobs 300 2>&1`;
is $?, 0, 'three hundred jobs, seventy descriptors' or diag $few;

# No file may be larger than this, in halves of a KiB: the one piece cannot be rendered, the other film not be put together.
for (['a piece', 'wav'], ['a film', 'png-sequence']) {
    my ($what, $format) = @$_;
    system 'rm', '-rf', $cache;
    unlink glob "$dir/out/*";
    spew("$dir/film.json", $json->encode(film([2], o($format))));
    is +(run('compose', film([2], o($format)), '-o', "$dir/out", "--cache $cache"))[0], 0, "$what: as large as it is";
    my ($piece) = sort { $b <=> $a } map { -s } glob "$cache/*";
    my ($film)  = map { -s } glob "$dir/out/*";
    my $blocks = int(($what eq 'a piece' ? $piece : $film) / 512);
    cmp_ok 512 * $blocks, '>', $piece, 'more than its piece' if $what eq 'a film';
    system 'rm', '-rf', $cache;
    unlink glob "$dir/out/*";
    my $said = `ulimit -f $blocks; exec $build/render compose $dir/film.json -o $dir/out --cache $cache 2>&1`;
    is $? >> 8, 1, "$what that is too large: fails";
    like $said, qr/^render: .*File too large/m, "$what that is too large: says so";
    is files_in("$dir/out"), '', "$what that is too large: is not there";
    is join(' ', glob "$cache/*.part"), '', "$what that is too large: nothing is left";
}

mkdir "$dir/out/gif.gif" or die $!;
isnt +(run('compose', $two, '-o', "$dir/out", '--jobs 1'))[0], 0, 'a folder where a file should be';
is files_in("$dir/out"), 'gif.gif', 'nothing is rendered for it';
is files_in("$dir/tmp"), '', 'nor of anything above in the folder for such';

# ---------------------------------------------------------------- what cannot be

my @quiet = (plain('#fff', 400));
my @refused = (
    ['a silent film as sound',          '/outputs/0', qr/nothing sounds/, film(\@quiet, o('mp3'))],
    ['where it is silent',              '/outputs/1', qr/nothing sounds/, film([2, plain('#123', 2)], {},
        o('wav', range => { start => 2 }), o('m4a'))],
    ['a part behind the end',           '/outputs/1/range/start', qr/behind the film's end.* 120 frames/, film([4], {},
        o('webm', range => { start => 4 }))],
    ['a still behind the end',          '/outputs/1/time', qr/behind the film's end/, film([4], {}, o('png', time => '120f'))],
    ['less than a frame',               '/outputs/0/range/duration', qr/less than a frame/, film([4], o('mp4',
        range => { start => 1, duration => 0.001 }))],
    ['a GIF of 4000 pictures',          '/outputs/0', qr/4000 pictures; at most 3000/, film(\@quiet, o('gif'))],
    ['a GIF that is too fast',          '/outputs/0/fps', qr/at most 50/, film([4], o('gif', fps => 60))],
    ['a sequence of too many',          '/outputs/0', qr/24000 pictures; at most 20000/, film(\@quiet,
        o('png-sequence', fps => 60))],
    ['a sheet of too many',             '/outputs/0', qr/1334 pictures; at most 1000/, film(\@quiet,
        o('sprite', interval => 0.3))],
    ['a sheet that is too large',       '/outputs/0', qr/more than the 40 million px/, film(\@quiet,
        o('sprite', interval => 1, width => 640))],
    ['another shape',                   '/outputs/1', qr/another shape than the canvas of 160 x 90/, film([4], {},
        o('webm', width => 100, height => 100))],
    ['a name twice',                    '/outputs/2/name', qr/is the name of output 1/, film([4], {}, o('webm', name => 'x'),
        o('gif', name => 'x'))],
    ['a name of our own',               '/outputs/0/name', qr/"preview" is what another/, film([4], o('mp4', name => 'preview'))],
    ['another one',                     '/outputs/0/name', qr/"poster" is what another/, film([4], o('mp4', name => 'poster'))],
);
for (@refused) {
    my ($what, $pointer, $why, $film) = @$_;
    for my $command ('plan', "compose -o $dir/refused") {
        my ($status, $said) = run($command, $film);
        is $status >> 8, 1, "$what: refused";
        my @said = split /\n/, $said;
        is scalar(@said), 1, "$what: for one reason" or diag $said;
        like $said[0], qr{\A\Q$dir/film.json: $pointer: \E.*$why}, "$what: at its place";
    }
    ok !-e "$dir/refused", "$what: nothing is made";
}

# Some seconds later, the same bytes.
delete $stills->{poster};
my $again = compose('again', $stills);
for my $file (grep {-f} glob "$dir/stills/*") {
    my $name = $file =~ s{.*/}{}r;
    ok slurp($file) eq slurp("$again/$name"), "$name: made again it is the same, byte by byte";
}

done_testing;
