package Render::Test::Numbers;

# A source whose pictures have numbers on them, and what reads them off a film again, of whatever
# format, size and rate. Above, the number of the picture in eight bars, the lowest bit to the
# left; below, white for the pictures 33 and 75 alone, and with them a chirp of a thirtieth of a
# second.
#
#   my $file = numbered(30);
#   is_deeply [numbers("$dir/film.mp4")], [numbers_of(0, 120)];

use strict;
use warnings;

use Exporter qw(import);
use List::Util qw(sum);
use POSIX qw(floor);

use Render::Test qw(make_media);

our @EXPORT = qw(numbered numbers numbers_of shown_at unzip);

my $BARS = 'scale=8:2:flags=area,format=gray';

# numbered($rate, options of ffmpeg): a film of four seconds, 160 x 90, with PCM
sub numbered {
    my ($rate, @more) = @_;
    my $sound = "between(t,33/($rate),33/($rate)+1/30)+between(t,75/($rate),75/($rate)+1/30)";
    return make_media('numbers.mov', '-f', 'lavfi', '-i', "nullsrc=s=160x90:r=$rate:d=4,format=yuv420p,geq=lum='if(gt(Y,44),"
        . "if(eq(N,33)+eq(N,75),235,16),if(bitand(N,pow(2,floor(X/20))),235,16))':cb=128:cr=128", '-f', 'lavfi', '-i',
        "aevalsrc='if($sound,0.5*sin(2*PI*(800+30000*mod(t*10,1)/10)*t),0)':s=48000:d=4",
        qw(-c:v libx264 -qp 0 -g 30 -c:a pcm_s16le), @more);
}

# numbers($file, $filter): of the pictures in it, in order, with "!" behind those that are white below; the filter comes first
sub numbers {
    my ($file, $filter) = @_;
    my $vf = $filter ? "$filter,$BARS" : $BARS;
    my $raw = `ffmpeg -nostdin -v error -i '$file' -map 0:v:0 -fps_mode passthrough -vf $vf -f rawvideo -`;
    return map {
        my @px = unpack 'C16';
        sum(map { $px[$_] > 127 ? 1 << $_ : 0 } 0 .. 7) . ($px[8] > 127 ? '!' : '');
    } unpack '(a16)*', $raw;
}

# numbers_of($from, $n, $p, $q): what should be in it, where picture i is that of tick from + i * p / q
sub numbers_of {
    my ($from, $n, $p, $q) = @_;
    return map { my $k = $from + floor($_ * ($p // 1) / ($q // 1)); $k == 33 || $k == 75 ? "$k!" : $k } 0 .. $n - 1;
}

# when each picture is shown, in seconds
sub shown_at {
    my ($file) = @_;
    return split /[\s,]+/, `ffprobe -v error -select_streams v -show_entries frame=pts_time -of csv=p=0 '$file'`;
}

# unzip($archive): the folder of what was in it, beside it; dies if it is none
sub unzip {
    my ($zip) = @_;
    my $to = $zip =~ s/\.zip\z//r;
    mkdir $to or die "$to: $!";
    my $read = 'import sys, zipfile as z; a = z.ZipFile(sys.argv[1]); assert a.testzip() is None; a.extractall(sys.argv[2])';
    system('/usr/bin/python3', '-c', $read, $zip, $to) == 0 or die "$zip: cannot be opened\n";
    return $to;
}

1;
