# Captions and what else is written: files of SRT, WebVTT and ASS, words, files
# and renditions beside the film, fonts that come along, texts that shrink. What
# is seen is looked for where and when it should be, and nowhere else.

use strict;
use warnings;
use utf8;

use Encode qw(encode);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use Render::Test;
use Render::Test::Faults qw(submit);
use Render::Test::Problem;
use Render::Test::Files qw(slurp);

my $build = $ENV{RENDER_BUILD} // 'build';
my $dir   = tempdir(CLEANUP => 1);
my $json  = JSON::PP->new->utf8->canonical;

sub spew {
    my ($name, $bytes) = @_;
    open my $out, '>:raw', "$dir/$name" or die "$dir/$name: $!";
    print {$out} $bytes;
    close $out or die $!;
    return $name;
}

my ($W, $H, $FPS) = (320, 180, 25);

# film($seconds, clips above a black canvas, and what else the document has)
sub film {
    my ($seconds, $clips, %more) = @_;
    my $timeline = delete $more{timeline} // {};
    return { timeline => { width => $W, height => $H, fps => $FPS, %$timeline, tracks => [
        { clips => [ { asset => { type => 'color', color => '#000' }, duration => $seconds } ] }, map { { clips => [$_] } } @$clips ] }, %more };
}

sub caption { my ($asset, %more) = @_; return { asset => { type => 'caption', %$asset }, %more } }

# run($command, $name, $document, options): what it said
sub run {
    my ($command, $name, $document, @options) = @_;
    spew("$name.json", $json->encode($document));
    return scalar `$build/render $command $dir/$name.json @options 2>&1`;
}

sub compose {
    my ($name, $document, @options) = @_;
    my $out = ref $document && ($document->{outputs} // [])->@* > 1 ? "$dir/$name" : "$dir/$name.mp4";
    my $said = run('compose', $name, $document, "-o $out", @options);
    is $?, 0, "$name is rendered" or diag $said;
    return $out;
}

sub keys_of { my ($name, $document) = @_; return map { $_->{key} } @{ $json->decode(run('plan', $name, $document))->{segments} } }

# pictures($film): of each the px as a list of rows, grey
sub pictures {
    my ($file) = @_;
    my $raw = `ffmpeg -nostdin -v error -i '$file' -fps_mode passthrough -f rawvideo -pix_fmt gray -`;
    return unpack "(a" . $W * $H . ")*", $raw;
}

# lit($picture, rows from, to): how many px there are bright
sub lit { my ($picture, $from, $to) = @_; return substr($picture, $from * $W, ($to - $from) * $W) =~ tr/\xb0-\xff// }

# seen($film, rows): the numbers of the pictures in which something is bright there, as ranges
sub seen {
    my ($file, $from, $to) = @_;
    my (@ranges, $n);
    for (pictures($file)) {
        $n = defined $n ? $n + 1 : 0;
        next if lit($_, $from // 0, $to // $H) < 20;
        @ranges && $ranges[-1][1] == $n - 1 ? ($ranges[-1][1] = $n) : push @ranges, [$n, $n];
    }
    return join ' ', map {"$_->[0]-$_->[1]"} @ranges;
}

# colored($film, $seconds, $filter): the mean column of the px that the filter leaves bright, and how many there are
sub colored {
    my ($file, $at, $key) = @_;
    my $raw = `ffmpeg -nostdin -v error -ss $at -i '$file' -frames:v 1 -f rawvideo -pix_fmt rgb24 -`;
    my ($n, $sum) = (0, 0);
    my $i = 0;
    for my $px (unpack '(a3)*', $raw) {
        if ($key->(unpack 'C3', $px)) { $n++; $sum += $i % $W }
        $i++;
    }
    return ($n, $n ? $sum / $n : 0);
}

my $srt = "1\n00:00:01,000 --> 00:00:02,000\nHello <i>you</i>\n\n2\n00:00:02,600 --> 00:00:03,400\n{\\an8}On <font color=\"#ff0000\">top</font>\n";
spew('a.srt', $srt);

# ---------------------------------------------------------------- files

subtest 'a film with captions' => sub {
    my $film = compose('srt', film(4, [caption({ src => 'a.srt' })]));
    is seen($film), '25-49 65-84', 'each is there from its first picture to its last';
    is seen($film, $H * 2 / 3, $H), '25-49', 'below, as captions are';
    is seen($film, 0, $H / 3), '65-84', 'and above where the file says so';
    my ($red) = colored($film, 3, sub { $_[0] > 150 && $_[1] < 90 && $_[2] < 90 });
    cmp_ok $red, '>', 8, 'in its colour';
    my @p = pictures($film);
    is lit($p[30], $H * 0.95, $H), 0, 'the safe area is free';
};

subtest 'the same as WebVTT, words and ASS' => sub {
    spew('a.vtt', "WEBVTT\n\nNOTE nothing\n\n00:01.000 --> 00:02.000\nHello you\n\n00:00:02.600 --> 00:03.400\nagain\n");
    is seen(compose('vtt', film(4, [caption({ src => 'a.vtt' })]))), '25-49 65-84', 'WebVTT';
    is seen(compose('words', film(4, [caption({ words => [ { text => 'Hello', start => 1, end => 1.5 }, { text => 'you.', start => 1.6, end => 2 },
        { text => 'again', start => 2.6, end => 3.4 } ] })]))), '25-49 65-84', 'words, which make two lines';
    spew('a.ass', <<'ASS');
[Script Info]
ScriptType: v4.00+
PlayResX: 320
PlayResY: 180

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
Style: Default,Noto Sans,24,&H0000FFFF,&H000000FF,&H00000000,&H80000000,-1,0,0,0,100,100,0,0,1,1,0,2,10,10,10,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:02.00,Default,,0,0,0,,Hello
Dialogue: 0,0:00:02.60,0:00:03.40,Default,,0,0,0,,{\pos(160,60)\c&H00FF00&}there
ASS
    my $film = compose('ass', film(4, [caption({ src => 'a.ass' })]));
    is seen($film), '25-49 65-84', 'ASS';
    is seen($film, 0, $H / 2), '65-84', 'in its own place';
    my ($yellow) = colored($film, 1.5, sub { $_[0] > 150 && $_[1] > 150 && $_[2] < 90 });
    my ($green)  = colored($film, 3,   sub { $_[0] < 90  && $_[1] > 150 && $_[2] < 90 });
    cmp_ok $yellow, '>', 100, 'in the style that it has';
    cmp_ok $green, '>', 100, 'and that of the event';
    my $cut = compose('ass-late', film(2, [caption({ src => 'a.ass' }, in_point => 2)]));
    is seen($cut), '15-34', 'from a later point';
};

subtest 'part of a file' => sub {
    is seen(compose('late', film(4, [caption({ src => 'a.srt' }, in_point => 1.52)]))), '0-11 27-46', 'from a point in the middle of a cue';
    is seen(compose('moved', film(4, [caption({ src => 'a.srt' }, start => 0.4, duration => 1.48)]))), '35-46', 'later, and for so long';
    is seen(compose('out', film(4, [caption({ src => 'a.srt' }, out_point => 1.4)]))), '25-34', 'to a point';
};

subtest 'cues that overlap' => sub {
    spew('over.srt', "1\n00:00:00,400 --> 00:00:02,000\nfirst\n\n2\n00:00:01,000 --> 00:00:03,000\nsecond\n");
    my $film = compose('over', film(4, [caption({ src => 'over.srt' })]));
    is seen($film), '10-74', 'one after the other';
    my @p = pictures($film);
    my @rows = map { my $k = $_; scalar grep { lit($p[$k], $_, $_ + 1) > 0 } 0 .. $H - 1 } 15, 30, 60;
    cmp_ok $rows[1], '>', 1.5 * $rows[0], 'two lines while both last';
    cmp_ok $rows[2], '<', 1.5 * $rows[0], 'and one again';
    my $many = join "\n", map {"$_\n00:00:01,000 --> 00:00:02,000\nx$_\n"} 1 .. 9;
    spew('many.srt', $many);
    like run('plan', 'many', film(4, [caption({ src => 'many.srt' })])),
        qr{/timeline/tracks/1/clips/0/asset/src: shows more than 8 captions at once, at 1\.000 s}, 'nine at once are too many';
};

subtest 'the word that is heard' => sub {
    my @words = map { { text => 'mmm', start => $_, end => $_ + 0.8 } } 0 .. 2;
    my $film = compose('karaoke', film(3, [caption({ words => \@words, highlight => '#ffff00', font => { size => 20 } })]));
    my @at = map { [colored($film, $_, sub { $_[0] > 150 && $_[1] > 150 && $_[2] < 90 })] } 0.4, 1.4, 2.4;
    cmp_ok $_->[0], '>', 50, 'one of them is yellow' for @at;
    ok $at[0][1] < $at[1][1] - 20 && $at[1][1] < $at[2][1] - 20, 'and it is the one after the other';
    is seen($film), '0-69', 'until the last one ends';
};

subtest 'only what a caption touches is rendered anew' => sub {
    my $of = sub { my ($text) = @_; join "\n", map { my $t = $_ * 6; "$_\n" . sprintf('00:%02d:%02d,000 --> 00:%02d:%02d,000', $t / 60, $t % 60, ($t + 2) / 60, ($t + 2) % 60)
        . "\n" . ($_ == 5 ? $text : "line $_") . "\n" } 1 .. 9 };
    spew('long.srt', $of->('one'));
    my @before = keys_of('long', film(60, [caption({ src => 'long.srt' })]));
    spew('long.srt', $of->('two'));
    my @after = keys_of('long', film(60, [caption({ src => 'long.srt' })]));
    cmp_ok scalar(@before), '>=', 9, 'there are segments';
    is scalar(grep { $before[$_] ne $after[$_] } 0 .. $#before), 1, 'one of them is another';
    is_deeply [keys_of('bare', film(60, []))], [keys_of('unburned', film(60, [caption({ src => 'long.srt', burn => JSON::PP::false })]))],
        'what is not drawn changes nothing';
};

# ---------------------------------------------------------------- beside the film

subtest 'files beside the film' => sub {
    spew('de.vtt', "WEBVTT\n\n00:00.500 --> 00:01.000\n<b>Guten</b> <c.red>Tag</c> &amp; &lt;hallo&gt;\n\n00:03.000 --> 00:03.500\nspäter\n" =~ s/ä/\xc3\xa4/r);
    my $out = compose('beside', film(4, [caption({ src => 'a.srt', language => 'en' }), caption({ src => 'de.vtt', language => 'de', burn => JSON::PP::false })],
        outputs => [ { name => 'final', format => 'mp4' }, { name => 'en', format => 'vtt', language => 'en' }, { name => 'de', format => 'srt', language => 'de' },
            { name => 'part', format => 'vtt', range => { start => 1.2, duration => 1.6 } }, { name => 'live', format => 'hls', renditions => [ {} ] } ]));
    is slurp("$out/en.vtt"), "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nHello <i>you</i>\n\n00:00:02.600 --> 00:00:03.400 line:0\nOn top\n", 'as WebVTT';
    is slurp("$out/de.srt"), "1\n00:00:00,500 --> 00:00:01,000\n<b>Guten</b> Tag & <hallo>\n\n2\n00:00:03,000 --> 00:00:03,500\nsp\xc3\xa4ter\n", 'as SubRip';
    is slurp("$out/part.vtt"), "WEBVTT\n\n00:00:00.000 --> 00:00:00.800\nHello <i>you</i>\n\n00:00:01.400 --> 00:00:01.600 line:0\nOn top\n", 'part of it, of all languages';
    is seen("$out/final.mp4"), '25-49 65-84', 'those that are burned in are seen';
    like slurp("$out/live.m3u8"), qr/^#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="captions",NAME="de",LANGUAGE="de",.*URI="live-c0\.m3u8"\n#EXT-X-STREAM-INF:.*,SUBTITLES="captions"$/m,
        'the stream has the rest';
    unlike slurp("$out/live.m3u8"), qr/LANGUAGE="en"/, 'and not those twice';
    like slurp("$out/live-c0.m3u8"), qr/^#EXTINF:4\.000000,\nlive-c0\.vtt\n#EXT-X-ENDLIST$/m, 'in one file';
    like slurp("$out/live-c0.vtt"), qr/^00:00:00\.580 --> 00:00:01\.080$/m, 'two pictures later, when the stream begins';
    my $read = `ffprobe -v error -show_entries packet=pts_time,duration_time -of csv=p=0 '$out/en.vtt'`;
    like $read, qr/^1\.000000,1\.000000/, 'FFmpeg reads it, too';
    like run('plan', 'none', film(4, [], outputs => [ {}, { format => 'vtt' } ])), qr{/outputs/1: no caption is shown in it}, 'a file of nothing is refused';
    like run('plan', 'other', film(4, [caption({ src => 'a.srt', language => 'en' })], outputs => [ {}, { format => 'vtt', language => 'fr' } ])),
        qr{/outputs/1: no caption of the language fr is shown in it}, 'and one of a language that nobody speaks';
};

# ---------------------------------------------------------------- what strangers send

subtest 'encodings' => sub {
    my $text = "1\n00:00:01,000 --> 00:00:02,000\nCafé\n";
    for (['utf8', encode('UTF-8', $text)], ['bom', encode('UTF-8', "\x{feff}$text")], ['utf16', encode('UTF-16LE', "\x{feff}$text")], ['ansi', encode('cp1252', $text)]) {
        my ($name, $bytes) = @$_;
        spew("$name.srt", $bytes =~ s/\n/\r\n/gr) if $name ne 'utf16';
        spew("$name.srt", $bytes) if $name eq 'utf16';
        my $facts = $json->decode(scalar `$build/render probe $dir/$name.srt`);
        is_deeply $facts->{cues}, [ [ 1000, 2000, 'Café', 0 ] ], $name;
        is scalar(@{ $facts->{warnings} }), $name eq 'ansi' ? 1 : 0, 'and it is told if that is a guess';
    }
};

subtest 'what is no captions' => sub {
    spew('empty.srt', "1\n00:00:01,000 --> 00:00:01,000\nnever\n");
    like scalar `$build/render probe $dir/empty.srt 2>&1`, qr/there are no captions in it/, 'nothing that is ever shown';
    spew('huge.srt', "1\n00:00:01,000 --> 00:00:02,000\n" . 'x' x (4 * 1024 * 1024) . "\n");
    like scalar `$build/render probe $dir/huge.srt 2>&1`, qr/more than 4 MB are not read here/, 'too much';
    spew('long-line.srt', "1\n00:00:01,000 --> 00:00:02,000\n" . '<b><i>&' x 100_000 . "\n");
    `$build/render probe $dir/long-line.srt 2>&1`;
    ok $? == 0 || $? >> 8 == 1, 'a line of 700 kB is read or refused';
    spew('tags.srt', "1\n00:00:01,000 --> 00:00:02,000\n<b></i></b><font color=\"&&&\"><u>x</b> {\\c&Hzz&\\b\\i9999999999\\an0} {unclosed <i\n");
    compose('tags', film(3, [caption({ src => 'tags.srt' })]));
    like run('plan', 'video', film(3, [caption({ src => 'srt.mp4' })])), qr{/asset/src: is a video, and has no sound, not|/asset/src: is a video, not a file of captions},
        'a film is refused by name';
    like run('plan', 'behind', film(3, [caption({ src => 'a.srt' }, in_point => 9)])), qr{/in_point: is at or behind the end of the source, which lasts 3\.400 s},
        'so is a point behind its end';
};

# A header of ASS with what belongs into it beside; lines(from, to, text) of events.
sub ass {
    my ($more, @events) = @_;
    return "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour\nStyle: Default,Noto Sans,60,&H0000FFFF\n$more\n"
        . "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
        . join '', map { sprintf "Dialogue: 0,0:00:%05.2f,0:00:%05.2f,Default,,0,0,0,,%s\n", @$_ } @events;
}

subtest 'captions in which there is nothing to see' => sub {
    spew('nothing.srt', "1\n00:00:00,000 --> 00:00:01,000\n<b>\n</b>\n\n2\n00:00:00,000 --> 00:00:01,000\n\xe2\x80\xa9\n\n3\n00:00:01,000 --> 00:00:02,000\nok\n");
    is seen(compose('nothing', film(3, [caption({ src => 'nothing.srt' })]))), '25-49', 'in a file';
    spew('nothing.ass', ass('', [0, 1, '{\b1}\N{\b0}'], [1, 2, 'ok']));
    is seen(compose('nothing-ass', film(3, [caption({ src => 'nothing.ass' })]))), '25-49', 'with a style';
    for my $none ('', ' ', "\x{2029}") {
        is seen(compose('nothing-word', film(3, [caption({ words => [ { text => $none, start => 0, end => 0.2 }, { text => 'ok', start => 1, end => 2 } ] })]))), '25-49', 'a word';
        is seen(compose('nothing-heard', film(3, [caption({ words => [ { text => $none, start => 0, end => 0.2 } ], highlight => '#ff0' })]))), '', 'nor one that is heard';
    }
};

subtest 'drawings without a word' => sub {
    spew('drawn.ass', ass('', [1, 2, '{\\an7\\pos(0,0)\\p1}m 0 0 l 300 0 300 200 0 200']));
    is seen(compose('drawn-ass', film(3, [caption({ src => 'drawn.ass' })]))), '25-49', 'are seen';
};

subtest 'a line that only its tags fill ends no cue' => sub {
    spew('tagged.ass', ass('', [0, 1, 'one{\s1}\N{\s0}\Ntwo'], [1, 2, '{\s1}\N{\s0}three{\s1}\N']));
    my $out = compose('tagged', film(3, [caption({ src => 'tagged.ass', burn => JSON::PP::false })], outputs => [ { format => 'vtt', name => 'v' }, { format => 'srt', name => 's' } ]));
    is slurp("$out/v.vtt"), "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\none\ntwo\n\n00:00:01.000 --> 00:00:02.000\nthree\n", 'in WebVTT';
    is slurp("$out/s.srt"), "1\n00:00:00,000 --> 00:00:01,000\none\ntwo\n\n2\n00:00:01,000 --> 00:00:02,000\nthree\n", 'and SubRip';
};

subtest 'styles of strangers' => sub {
    spew('ansi.ass', encode('cp1252', ass('', [0, 1, "Gr\x{fc}\x{df}e"], [1, 2, 'ascii'])));
    is seen(compose('ansi-ass', film(3, [caption({ src => 'ansi.ass' })]))), '0-49', 'a line that is not UTF-8 is seen as well';
    like scalar `$build/render probe $dir/ansi.ass`, qr/the styles are left out, for the text is not UTF-8/, 'and what is left out is told';

    my $font = "fontname: a.ttf\n" . ('!' x 80 . "\n") x 20_000;
    spew('fonts.ass', ass("[Fonts]\n${font}[Graphics]\n$font", [0, 1, 'in its colour']));
    my $film = compose('fonts-ass', film(2, [caption({ src => 'fonts.ass' })]));
    my ($yellow) = colored($film, 0.5, sub { $_[0] > 150 && $_[1] > 150 && $_[2] < 90 });
    cmp_ok $yellow, '>', 100, 'fonts within are left out, and the styles stay';
    cmp_ok length(run('plan', 'fonts-ass', film(60, [caption({ src => 'fonts.ass' })]))), '<', 100_000, 'of what each piece is told';

    spew('styles.ass', ass(join('', map {"Style: S$_,F$_,40,&H00FFFFFF\n"} 1 .. 4000), [0, 1, 'some words']));
    like scalar `$build/render probe $dir/styles.ass`, qr/the styles are left out, for they are more than 64 KB/, 'too many are not used';
    is seen(compose('styles-ass', film(2, [caption({ src => 'styles.ass' })]))), '0-24', 'but the text is shown';

    spew('families.ass', ass(join('', map {"Style: S$_,F$_,40,&H00FFFFFF\n"} 1 .. 1500), map { [$_ / 100, $_ / 100 + 0.01, "x$_ " x 500] } 0 .. 99));
    my $began = time;
    run('plan', 'families-ass', film(2, [caption({ src => 'families.ass' })]));
    is $?, 0, 'many families are planned';
    cmp_ok time - $began, '<', 30 * ($ENV{RENDER_SLOW} || 1), 'and soon';
    spew('cut.ass', ass('Style: end', [0, 1, 'x']) =~ s/Style: end\n.*?(?=Dialogue)/Style: end\n/sr);
    compose('cut-ass', film(2, [caption({ src => 'cut.ass' })]));
};

subtest 'moves that are written otherwise' => sub {
    my $at = sub { my ($t) = @_;
        spew('move.ass', ass('', [0, 3, "{\\an7\\pos(5,5)${t}0,3000,\\fscx400)}I"]));
        my @p = pictures(compose('move', film(3, [caption({ src => 'move.ass' })])));
        return join ' ', map { lit($p[$_], 0, $H) } 5, 40, 70 };
    my $plain = $at->('\\t(');
    is $at->($_), $plain, "as $_" for '\\ t(', '\\t (';
    my ($first, undef, $last) = split / /, $plain;
    cmp_ok $last, '>', 1.5 * $first, 'which moves';
};

# ---------------------------------------------------------------- letters

# A font of a family that no machine has: one that it has, by another name.
my $font = do {
    my ($file) = `fc-match -f '%{file}' 'DejaVu Serif:bold'`;
    my $bytes = slurp($file);
    my ($family) = `fc-match -f '%{family}' 'DejaVu Serif:bold'` =~ /^([^,]+)/;
    my $other = 'Z' . 'q' x (length($family) - 1);
    $bytes =~ s/\Q$_->[0]\E/$_->[1]/g for [$family, $other], [encode('UTF-16BE', $family), encode('UTF-16BE', $other)];
    spew('own.ttf', $bytes);
    $other;
};

subtest 'a font of its own' => sub {
    is $json->decode(scalar `$build/render probe $dir/own.ttf`)->{family}, $font, 'it is known by its family';
    my $text = { asset => { type => 'text', text => 'Own', font => { family => $font, size => 60 } }, duration => 1 };
    my @own = pictures(compose('own', film(1, [$text], timeline => { fonts => [ { src => 'own.ttf' } ] })));
    my @not = pictures(compose('not-own', film(1, [$text])));
    my @as  = pictures(compose('as-own', film(1, [ { %$text, asset => { %{ $text->{asset} }, font => { family => 'DejaVu Serif', weight => 'bold', size => 60 } } } ])));
    cmp_ok lit($own[0], 0, $H), '>', 200, 'it is seen';
    isnt lit($own[0], 0, $H), lit($not[0], 0, $H), 'and is not what else there is';
    is lit($own[0], 0, $H), lit($as[0], 0, $H), 'but the very letters';
    my @with = keys_of('with', film(1, [], timeline => { fonts => [ { src => 'own.ttf' } ] }));
    is_deeply [keys_of('without', film(1, []))], \@with, 'a font that nothing uses changes nothing';
    my $halves = film(8, [ { %$text, duration => 4 } ], timeline => { fonts => [ { src => 'own.ttf' } ] });
    my @before = keys_of('halves', $halves);
    spew('own.ttf', slurp("$dir/own.ttf") . "\0" x 4);
    my @after = keys_of('halves', $halves);
    cmp_ok scalar(@before), '>=', 2, 'a film that has the font in a part';
    isnt $after[0], $before[0], 'another file of it is another picture';
    is $after[-1], $before[-1], 'where it is seen: the rest is kept';
    like run('plan', 'bad-font', film(1, [$text], timeline => { fonts => [ { src => 'a.srt' } ] })), qr{/timeline/fonts/0/src: is a caption, not a font}, 'what is no font is refused';
    spew('bad.ttf', substr(slurp("$dir/own.ttf"), 0, 200));
    like scalar `$build/render probe $dir/bad.ttf 2>&1`, qr/the font is damaged|the font has no name/, 'and so is a part of one';
};

subtest 'a text that shrinks' => sub {
    my $of = sub { my ($words, %more) = @_; return film(1, [ { asset => { type => 'text', text => $words, font => { size => 80, min_size => 8 } }, duration => 1, %more } ]) };
    my $size = sub { my @l = map { @{ $_->{spec}{layers} } } @{ $json->decode(run('plan', 'size', $of->(@_)))->{segments} }; return $l[1]{text}{size} / 1000 };
    is $size->('Hi'), 80, 'one that fits is as large as it is asked for';
    my $s = $size->('many words ' x 20, width => 200, height => 60);
    ok $s >= 8 && $s < 20, "one that does not is not: $s px";
    is $size->('many words ' x 60, width => 100, height => 30), 8, 'nor smaller than the least';
    my @p = pictures(compose('shrunk', $of->('wide words that are cut at the sides if nobody sees to it')));
    my @columns = map { my $x = $_; grep { ord(substr $p[0], $_ * $W + $x, 1) > 0xb0 } 0 .. $H - 1 } 0, 1, $W - 2, $W - 1;
    is scalar(@columns), 0, 'it stays within the canvas';
};

subtest 'the safe area' => sub {
    my $of = sub { film(1, [ { asset => { type => 'text', text => 'X', font => { size => 30 } }, duration => 1, position => 'top-left' } ], timeline => { safe_area => $_[0] }) };
    my $first = sub { my ($p) = pictures(compose("safe$_[1]", $of->($_[0]))); my ($row) = grep { lit($p, $_, $_ + 1) } 0 .. $H - 1; return $row };
    my ($a, $b, $c) = ($first->(0, 'a'), $first->('20%', 'b'), $first->(20, 'c'));
    is $b - $a, 0.2 * $H, 'a fifth of the height';
    is $c - $a, 20, 'so many px';
};

# ---------------------------------------------------------------- through the stack

my $s = Render::Test->start(workers => 1, slots => 2);
my $u = $s->signup;
sub get { $s->req(GET => $_[0], token => $u->{token}) }

sub uploaded {
    my ($name, $kind) = @_;
    my $asset = $s->upload($u->{token}, "$dir/$name", name => $name);
    wait_until(sub { get("/videos/$asset->{id}")->{json}{status} ne 'probing' }, 20, 'the probe');
    my $told = get("/videos/$asset->{id}")->{json};
    is_deeply [ @$told{qw(status kind)}, $told->{probe}{kind} ], [ 'ready', $kind eq 'caption' ? 'document' : $kind, $kind ], "$name is a $kind";
    ok !exists $told->{probe}{cues} && !exists $told->{probe}{ass}, 'and its words stay where they are';
    return "asset:$asset->{id}";
}

subtest 'uploads and jobs' => sub {
    my %src = map { $_->[0] => uploaded(@$_) } ['a.srt', 'caption'], ['a.vtt', 'caption'], ['a.ass', 'caption'], ['own.ttf', 'font'];
    spew('note.ass', "just a note\n");
    uploaded('note.ass', 'document');
    my $doc = film(4, [ caption({ src => $src{'a.srt'} }), caption({ src => $src{'a.ass'} }), caption({ src => $src{'a.vtt'}, burn => JSON::PP::false, language => 'en' }),
        { asset => { type => 'text', text => 'Own', font => { family => $font } }, duration => 4 } ],
        timeline => { fonts => [ { src => $src{'own.ttf'} } ] },
        outputs => [ { name => 'final', format => 'mp4' }, { name => 'en', format => 'vtt', language => 'en' }, { name => 'live', format => 'hls', renditions => [ {} ] } ]);
    my $job = submit($s, $u, $doc);
    my $done = $s->wait_job($u->{token}, $job);
    is $done->{status}, 'completed', 'it is rendered' or diag explain $done->{error};

    my $follow = sub {
        my ($path) = @_;
        my $to = get($path)->{headers}{location};
        return ($to, $s->req(GET => $to));
    };
    my (undef, $vtt) = $follow->("/results/$job/en");
    is $vtt->{body}, slurp("$dir/en.vtt") // '', 'the file' if -e "$dir/en.vtt";
    like $vtt->{body}, qr/\AWEBVTT\n\n00:00:01\.000 --> 00:00:02\.000\nHello you\n/, 'the captions are a result';
    like $vtt->{headers}{'content-type'}, qr{^text/vtt}, 'of their type';
    my ($at, $master) = $follow->("/results/$job/live");
    like $master->{body}, qr/LANGUAGE="en",.*URI="live-c0\.m3u8"/, 'the stream names its captions';
    my $list = $s->req(GET => $at =~ s{[^/]+\z}{live-c0.m3u8}r);
    like $list->{body}, qr/^live-c0\.vtt$/m, 'their playlist';
    my $cues = $s->req(GET => $at =~ s{[^/]+\z}{live-c0.vtt}r);
    like $cues->{headers}{'content-type'}, qr{^text/vtt}, 'and they are there';
    like $cues->{body}, qr/^00:00:01\.080 --> 00:00:02\.080$/m, 'with the stream\'s times';
    is $s->req(GET => $at =~ s{[^/]+\z}{live-c1.vtt}r)->{status}, 404, 'no others are';

    my $film = get("/results/$job/final")->{headers}{location};
    my $bytes = $s->req(GET => $film)->{body};
    spew('server.mp4', $bytes);
    my ($own) = pictures("$dir/server.mp4");
    my ($here) = pictures(compose('here', film(4, [ { asset => { type => 'text', text => 'Own', font => { family => $font } }, duration => 4 } ],
        timeline => { fonts => [ { src => 'own.ttf' } ] })));
    cmp_ok abs(lit($own, $H / 3, 2 * $H / 3) / lit($here, $H / 3, 2 * $H / 3) - 1), '<', 0.02, 'and its font is used by workers';
    is $s->req(POST => '/compositions', token => $u->{token}, json => film(1, [caption({ src => $src{'own.ttf'} })]))->{status}, 422, 'a font is no caption';
};

subtest 'more than a plan can tell' => sub {
    spew('more.ass', ass('', map { [0, 59.5, 'x' x 700] } 1 .. 5000));
    my $src = uploaded('more.ass', 'caption');
    my $job = submit($s, $u, film(59.5, [map { caption({ src => $src }) } 1, 2]));
    my $told = $s->wait_job($u->{token}, $job);
    is_deeply [@{ $told->{error} || {} }{qw(code stage attempts)}], ['limit', 'plan', 1], 'is refused, and not tried again';
    like $told->{error}{detail}, qr/more to tell than 64 MB/, 'in words';
};

done_testing;
