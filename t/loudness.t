# Loudness by EBU R 128, and the limiter of true peaks: measured in what was
# written, by FFmpeg's own meter.

use strict;
use warnings;

use File::Temp qw(tempdir);
use JSON::PP;
use List::Util qw(max min);
use Test::More;

use Render::Test;
use Render::Test::Files;

my $build = $ENV{RENDER_BUILD} // 'build';
my $dir   = tempdir(CLEANUP => 1);
my $json  = JSON::PP->new->utf8->canonical;

sub source {
    my ($name, $graph, @more) = @_;
    my $file = make_media("loudness-$name.wav", '-f', 'lavfi', '-i', $graph, @more);
    symlink $file, "$dir/$name.wav" or die $!;
}

source('soft', 'anoisesrc=d=5:c=pink:a=0.05:seed=1:r=48000,aformat=channel_layouts=stereo');
source('loud', 'anoisesrc=d=5:c=pink:a=0.9:seed=2:r=48000,aformat=channel_layouts=stereo');
source('mono', 'anoisesrc=d=5:c=pink:a=0.2:seed=3:r=48000');
source('silent', 'anullsrc=r=48000:cl=stereo:d=3');
source('short', 'sine=f=500:d=0.2:r=48000');

# a soft tone with a click in each second, thirty times as loud, whose highest point lies between two samples
source('clicks', q{aevalsrc='0.02*sin(2*PI*300*t)+if(lt(mod(t+0.5\,1)\,0.002)\,0.6*sin(2*PI*12000*t+PI/4)\,0)':s=48000:d=5});

# soft at first, then loud
source('both', q{aevalsrc='(0.02+0.4*gte(t\,3))*sin(2*PI*440*t)':s=48000:d=6});

# what is no number, and what is beyond all bounds, in a file of floats: silence
for ([ 'nan', unpack('f', pack 'L', 0x7fc00000) ], [ 'inf', 9**9**9 ], [ 'far', 1e30 ]) {
    my ($name, $odd) = @$_;
    my $pcm = pack 'f<*', map { my $t = $_; $t >= 48000 && $t < 48100 ? $odd : 0.3 * sin($t * 0.0576) } 0 .. 4 * 48000;
    open my $f, '>:raw', "$dir/$name.wav" or die $!;
    my $format = pack 'VvvVVvv', 16, 3, 1, 48000, 192000, 4, 32;
    print {$f} 'RIFF', pack('V', 36 + length $pcm), 'WAVEfmt ', $format, 'data', pack('V', length $pcm), $pcm;
    close $f or die $!;
}

sub film {
    my ($name, @outputs) = @_;
    return { timeline => { tracks => [ { kind => 'audio', clips => [ { asset => { type => 'audio', src => "$name.wav" } } ] } ] },
        outputs => \@outputs };
}

sub output { my ($format, $loudness, %more) = @_; return { format => $format, audio => { loudness => $loudness }, %more } }

sub run_render {
    my ($verb, $document, @more) = @_;
    open my $f, '>', "$dir/film.json" or die $!;
    print {$f} $json->encode($document);
    close $f or die $!;
    return scalar `$build/render $verb $dir/film.json @more 2>&1`;
}

sub compose {
    my ($what, $document, $out) = @_;
    my $said = run_render('compose', $document, "-o $dir/$out");
    is $?, 0, "$what: rendered" or diag $said;
}

# Of a file: integrated loudness and true peak; mono as it sounds from two speakers.
sub heard {
    my ($file, @stream) = @_;
    my $said = `ffmpeg -nostdin -hide_banner -nostats -i $dir/$file @stream -af ebur128=peak=true:dualmono=true:framelog=verbose -f null - 2>&1`;
    my ($summary) = $said =~ /Summary:(.*)/s or die $said;
    my ($i, $peak) = map { $summary =~ $_ ? $1 : die $said } qr/I:\s+(\S+) LUFS/, qr/Peak:\s+(\S+) dBFS/;
    return ($i, $peak eq '-inf' ? -999 : $peak);
}

sub samples {
    my ($file) = @_;
    my $raw = `ffmpeg -nostdin -v error -i $dir/$file -f f32le -ac 1 -ar 48000 -`;
    return unpack 'f<*', $raw;
}

sub near { my ($got, $wanted, $by, $what) = @_; ok abs($got - $wanted) <= $by, $what or diag "$got, not $wanted within $by" }

for (['soft', -16], ['soft', -30.5], ['loud', -23], ['mono', -18]) {
    my ($name, $target) = @$_;
    compose("$name at $target", film($name, output(wav => $target)), 'o.wav');
    my ($loudness, $peak) = heard('o.wav');
    near $loudness, $target, 0.15, "$name at $target: so loud it is";
    cmp_ok $peak, '<=', -0.9, '  and no true peak is above -1 dBTP';
}

for my $format (qw(mp4 webm m4a mp3)) {
    compose("as $format", film('both', output($format => -20)), "o.$format");
    my ($loudness) = heard("o.$format", '-vn');
    near $loudness, -20, 0.5, "as $format: so loud it is once it is coded";
}

is scalar(split /\n/, `ffprobe -v error -select_streams a -show_entries stream=channels -of csv=p=0 $dir/o.mp3`), 1, 'there is sound';
compose('mono', film('mono', output(m4a => -18)), 'o.m4a');
like `ffprobe -v error -show_entries stream=channels -of csv=p=0 $dir/o.m4a`, qr/\A1\b/, 'mono stays mono';

# The limiter: nothing above the ceiling, and nothing touched far from where it has to close. Meters that look
# four times as closely as samples lie (BS.1770, annex 2) agree within 0.17 dB at a quarter of the rate.
compose('clicks', film('clicks', output(wav => -14)), 'o.wav');
my ($loudness, $peak) = heard('o.wav');
cmp_ok $peak, '<=', -0.8, 'clicks: limited';
cmp_ok $peak, '>=', -1.6, '  and not further than it takes';
my @in  = samples('clicks.wav');
my @out = samples('o.wav');
my $gain = sub { my ($from, $n) = @_; max(map { abs } @out[$from .. $from + $n]) / max(map { abs } @in[$from .. $from + $n]) };
my ($far, $later, $at) = ($gain->(4800, 4800), $gain->(4800 + 3 * 48000, 4800), $gain->(23980, 150));
cmp_ok $far, '>', 3, '  the tone is louder by far';
near $later / $far, 1, 0.005, '  by as much in each of its seconds';
cmp_ok $at, '<', 0.75 * $far, '  and clicks by less';
my @step = map { abs($out[$_] - $out[ $_ - 1 ]) } 30000 .. 40000;
my @was  = map { abs($in[$_] - $in[ $_ - 1 ]) * $far } 30000 .. 40000;
cmp_ok max(@step), '<', 1.05 * max(@was) + 0.0001, '  without a click of its own';

my $other = film('clicks', { format => 'wav', audio => { loudness => -14, true_peak => -6 } });
compose('a lower ceiling', $other, 'p.wav');
(undef, $peak) = heard('p.wav');
cmp_ok $peak, '<=', -5.8, 'a lower ceiling: kept';
cmp_ok $peak, '>=', -6.8, '  and reached';

# What has no loudness keeps it, without a word that is no number.
for my $name (qw(silent short)) {
    compose($name, film($name, output(wav => -16)), 'o.wav');
    my @got = samples('o.wav');
    my @was = samples("$name.wav");
    ok !(grep { $_ != $_ || abs > 1 } @got), "$name: all are numbers";
    near max(map { abs } @got), max(map { abs } @was), 0.001, '  as loud as before';
}

# Samples that are none are silent, and harm nothing else.
for my $name (qw(nan inf far)) {
    compose("$name as it is", film($name, { format => 'm4a' }), 'o.m4a');
    for my $format (qw(wav m4a)) {
        compose("$name as $format", film($name, output($format => -20)), "o.$format");
        near((heard("o.$format"))[0], -20, 0.3, "$name as $format: as loud as it should be");
    }
    my @got = samples('o.wav');
    cmp_ok max(map { abs } @got[47_900 .. 48_200]), '<', 0.3, "$name: nothing is heard of it";
}

# A range is measured on its own.
compose('a range', film('both', output(wav => -20, range => { duration => 2.5 })), 'o.wav');
($loudness) = heard('o.wav');
near $loudness, -20, 0.15, 'a range: measured on its own';

# Outputs that want the same share it; those that do not, do not.
my $plan = run_render('plan', film('both', output(m4a => -20), output(mp4 => -20, name => 'b'), output(m4a => -16, name => 'c'),
    { format => 'm4a', name => 'd' }));
my %pieces = map { $_->{output} => 1 } @{ $json->decode($plan)->{sound} };
is_deeply [ sort keys %pieces ], [ 'c', 'd', 'final' ], 'three tracks for four outputs, two of which are alike';

# One gain of all of it: one piece, however long; and the same bytes again.
my $long = { timeline => { tracks => [ { kind => 'audio', clips => [ map +{ asset => { type => 'audio', src => 'both.wav' } }, 1 .. 20 ] } ] },
    outputs => [ output(m4a => -20) ] };
$plan = $json->decode(run_render('plan', $long));
is scalar @{ $plan->{sound} }, 1, 'two minutes are one piece';
compose('two minutes', $long, $_) for 'one.m4a', 'two.m4a';
is slurp("$dir/one.m4a"), slurp("$dir/two.m4a"), 'rendered twice it has the same bytes';

done_testing;
