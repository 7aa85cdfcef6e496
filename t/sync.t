# The engine with no server: sound and picture stay together over many joins,
# frame counts are exact, and one changed title renders one segment.
# Not the API: that is path.t.

use strict;
use warnings;

use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use Render::Test qw(ffprobe make_media);

my $build = $ENV{RENDER_BUILD} // 'build';
my $dir = tempdir(CLEANUP => 1);

sub compose {
    my ($name, $document, @options) = @_;

    open my $f, '>', "$dir/$name.json" or die $!;
    print {$f} encode_json($document);
    close $f;

    my $said = `$build/render compose $dir/$name.json -o $dir/$name.mp4 @options 2>&1`;
    is $?, 0, "$name is rendered" or diag $said;

    my ($rendered, $reused) = $said =~ /(\d+) pieces rendered, (\d+) reused/;
    return { file => "$dir/$name.mp4", rendered => $rendered, reused => $reused };
}

# times at which the picture turns white, and at which the beep begins

sub flashes {
    my ($file) = @_;
    my ($t, @at) = (0);
    my $before = 0;

    for (`ffmpeg -v error -i $file -vf "signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-" -f null -`) {
        $t = $1 if /pts_time:([\d.]+)/;
        next unless /YAVG=([\d.]+)/;
        push @at, $t if $1 > 100 && $before <= 100;
        $before = $1;
    }

    return @at;
}

sub beeps {
    my ($file) = @_;
    my @pcm = unpack 's<*', `ffmpeg -v error -i $file -ac 1 -ar 48000 -f s16le -`;
    my ($last, @at) = (-1e9);

    for my $i (0 .. $#pcm) {
        next if abs $pcm[$i] < 2500;
        push @at, $i / 48000 if $i - $last > 4800;
        $last = $i;
    }

    return @at;
}

my $source = make_media('sync-44100.mp4',
    '-f', 'lavfi', '-i', q{color=black:s=320x240:r=30:d=3,drawbox=c=white:t=fill:enable='lt(mod(t,1),0.03)'},
    '-f', 'lavfi', '-i', q{aevalsrc='if(lt(mod(t,1),0.04),0.8*sin(2*PI*1000*t),0)':s=44100:d=3},
    qw(-c:v libx264 -g 30 -c:a aac));
symlink $source, "$dir/sync.mp4" or die $!;

for my $fps (30, '30000/1001') {
    my @clips = map +{
        asset => { type => 'video', src => 'sync.mp4' },
        in_point => $_ % 3 + 0.0, duration => 0.9 + ($_ % 3) * 0.033,
    }, 0 .. 39;

    my $name = 'join' . ($fps =~ tr/0-9//cdr);
    my $film = compose($name, { version => 1, timeline => {
        width => 320, height => 240, fps => $fps,
        tracks => [ { kind => 'video', clips => \@clips } ] } });

    my @f = flashes($film->{file});
    my @b = beeps($film->{file});
    is scalar @f, 40, '40 flashes';
    is scalar @b, 40, '40 beeps';

    my ($worst) = sort { $b <=> $a } map { abs $f[$_] - $b[$_] } 0 .. ($#f < $#b ? $#f : $#b);
    cmp_ok $worst, '<', 0.010, sprintf 'every beep within 10 ms of its flash (%.2f ms at %s)', 1000 * $worst, $fps;

    my ($video) = grep { $_->{codec_type} eq 'video' } @{ ffprobe($film->{file})->{streams} };
    my ($n, $d) = split m{/}, $video->{avg_frame_rate};
    cmp_ok abs($video->{duration} - $video->{nb_frames} * $d / $n), '<', 0.001, 'constant frame rate';
}

# sixty segments, one title changed

my $clip = make_media('clip-720p.mp4', '-f', 'lavfi', '-i', 'testsrc2=s=1280x720:r=30:d=24',
                      qw(-c:v libx264 -preset ultrafast -g 30));
symlink $clip, "$dir/clip.mp4" or die $!;

sub sixty {
    my ($title) = @_;

    return { version => 1, timeline => { width => 640, height => 360, fps => 30, tracks => [
        { kind => 'video', clips => [ map +{
            asset => { type => 'video', src => 'clip.mp4' }, opacity => 1 - $_ / 1000,
            in_point => $_ % 12 * 2, duration => 2 }, 0 .. 59 ] },
        { kind => 'video', clips => [ map +{
            asset => { type => 'text', text => $_ == 30 ? $title : "Title $_" },
            start => $_ * 2 + 0.5, duration => 1 }, 0 .. 59 ] } ] } };
}

my $first = compose('first', sixty('Title 30'), "--cache $dir/cache");
is $first->{rendered}, 60, 'sixty segments';

my $second = compose('second', sixty('Another title'), "--cache $dir/cache");
is $second->{rendered}, 1, 'one title changed: one segment rendered';
is $second->{reused}, 59, 'and all others reused';

my $again = compose('again', sixty('Another title'), "--cache $dir/cache");
is $again->{rendered}, 0, 'nothing changed: nothing rendered';
is `cmp $dir/second.mp4 $dir/again.mp4`, '', 'and the film is the same to the byte';

# What was found out about sources is kept beside the pieces, by their bytes.

my @facts = glob "$dir/cache/*.facts";
is scalar @facts, 1, 'the facts of the one source are kept';
my $kept = do { local $/; open my $f, '<', $facts[0] or die $!; <$f> };
for my $bad ('', '{"kind":', '{"kind":3}', '[]') {
    open my $f, '>', $facts[0] or die $!;
    print {$f} $bad;
    close $f;
    is compose('damaged', sixty('Another title'), "--cache $dir/cache")->{rendered}, 0, "facts \"$bad\" are found out again";
    is do { local $/; open my $g, '<', $facts[0] or die $!; <$g> }, $kept, 'and written down anew';
}
unlink "$dir/clip.mp4";
symlink $source, "$dir/clip.mp4" or die $!;
my $short = `$build/render compose $dir/second.json -o $dir/short.mp4 --cache $dir/cache 2>&1`;
isnt $?, 0, 'another file of the same name is not taken for the first';
like $short, qr{/in_point: is at or behind the end}, 'as is said';

done_testing;
