# What a plan warns of, on the command line and in the answer of a validation:
# sources that are not what they seem, pictures that are enlarged, characters
# that no font has; and that films without such things have no warnings.

use strict;
use warnings;
use utf8;

use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use Render::Test;

my $build = $ENV{RENDER_BUILD} // 'build';
my $dir   = tempdir(CLEANUP => 1);
my $json  = JSON::PP->new->utf8->canonical;

sub source {
    my ($name, @how) = @_;
    symlink make_media($name, @how), "$dir/$name" or die $!;
    return $name;
}

my @test = ('-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=25:d=2');
my %source = (
    steady   => source('steady.mp4', @test, qw(-c:v libx264)),
    unsteady => source('unsteady.mp4', @test, '-vf', "select='not(eq(mod(n,7),3))'", qw(-fps_mode vfr -c:v libx264)),
    ntsc     => source('ntsc.mp4', '-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=30000/1001:d=2', qw(-c:v libx264 -video_track_timescale 1000)),
    turned   => source('turned.mp4', '-i', make_media('upright.mp4', @test, qw(-c:v libx264)), qw(-c copy -metadata:s:v rotate=90)),
    combed   => source('combed.mp4', @test, qw(-c:v libx264 -flags +ilme+ildct)),
    bright   => source('bright.mp4', @test, qw(-c:v libx265 -x265-params), 'log-level=0:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc'),
);

sub document {
    my (@clips) = @_;
    return { timeline => { width => 320, height => 180, fps => 25, tracks => [ map { { clips => [$_] } } @clips ] } };
}

sub video { my ($name, %more) = @_; return { asset => { type => 'video', src => $source{$name} }, %more } }

sub warned {
    my ($document) = @_;
    open my $f, '>', "$dir/film.json" or die $!;
    print {$f} $json->encode($document);
    close $f or die $!;
    my $said = `$build/render plan $dir/film.json 2>&1`;
    is $?, 0, 'it is planned' or diag $said;
    return [ map {"$_->{pointer}: $_->{detail}"} @{ $json->decode($said)->{warnings} } ];
}

my $clip = '/timeline/tracks/0/clips/0';
is_deeply warned(document(video('steady'))), [], 'a film of nothing special';
is_deeply warned(document(video('ntsc'))), [], 'nor is 29.97 on a clock of 1/1000 s';
is_deeply warned(document(video('unsteady'))), ["$clip/asset/src: its pictures come at no steady rate; they are shown at the film's"], 'a rate that varies';
like warned(document(video('turned', fit => 'contain')))->[0], qr{^$clip/asset/src: its pictures are stored turned by (?:90|270) degrees, and shown upright$}, 'a picture that is turned';
is_deeply warned(document(video('combed'))), ["$clip/asset/src: interlaced pictures are made whole"], 'interlaced';
is_deeply warned(document(video('bright'))), ["$clip/asset/src: high dynamic range is mapped to that of bt.709"], 'high dynamic range';

is_deeply warned(document(video('steady', scale => 2.5))), ["$clip: is shown 2.5 times as large as it is (320 x 180 px), and not sharp"], 'enlarged';
is_deeply warned(document(video('steady', scale => 1.2))), [], 'a little is not told of';
is_deeply warned(document(video('steady', crop => { width => '50%', height => '50%' }))),
    ["$clip: is shown 2.0 times as large as it is (320 x 180 px), and not sharp"], 'a part that fills the canvas';
is_deeply warned(document(video('steady', fit => 'none', width => 320, crop => { width => '50%', height => '50%' }))), [], 'one that does not';
is_deeply warned(document(video('steady', keyframes => { scale => [ { time => 0, value => 1 }, { time => 1, value => 3 } ] }))),
    ["$clip: is shown 3.0 times as large as it is (320 x 180 px), and not sharp"], 'at its largest';

my $text = sub { return { asset => { type => 'text', text => $_[0] }, duration => 1 } };
is_deeply warned(document($text->("Grüße, мир, مرحبا, नमस्ते"))), [], 'letters that there are';
is_deeply warned(document($text->("A\x{13460}B\x{13461}"))), ["$clip/asset/text: no font has 2 of its characters"], 'and that there are not';

# a validation says the same
my $s = Render::Test->start(workers => 1);
my $u = $s->signup;
my $asset = $s->upload($u->{token}, "$dir/$source{unsteady}", name => 'unsteady.mp4');
wait_until(sub { $s->req(GET => "/videos/$asset->{id}", token => $u->{token})->{json}{status} eq 'ready' }, 20, 'the probe');
my $answer = $s->req(POST => '/compositions/validate', token => $u->{token},
    json => document({ asset => { type => 'video', src => "asset:$asset->{id}" }, scale => 2 }));
is $answer->{status}, 200, 'it is valid' or diag $answer->{body};
is_deeply [ map { $_->{pointer} } @{ $answer->{json}{warnings} } ], [ "$clip/asset/src", $clip ], 'a validation warns of it, too';

done_testing;
