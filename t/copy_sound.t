# Sound that is taken as it is: the packets of the one source that is heard, to the sample where
# they belong; what is mixed instead; and sources that do not hold what was said of them.

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

my @picture = ('-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=25:d=12');
# without noise that a decoder makes up (PNS), for it is not the same twice
my @coded   = qw(-c:v libx264 -preset veryfast -g 25 -colorspace bt709 -color_primaries bt709 -color_trc bt709 -aac_pns 0);

sub sweep { my ($rate, $seconds) = @_; return ('-f', 'lavfi', '-i', "aevalsrc=0.5*sin(2*PI*(200+50*t)*t)|0.3*sin(2*PI*300*t):s=$rate:d=$seconds") }

my %source = (
    a44   => make_media('copysound-a44.mp4', @picture, sweep(44100, 12), @coded, qw(-c:a aac)),
    a48   => make_media('copysound-a48.mp4', @picture, sweep(48000, 12), @coded, qw(-c:a aac)),
    mono  => make_media('copysound-mono.mp4', @picture, sweep(48000, 12), @coded, qw(-c:a aac -ac 1)),
    short => make_media('copysound-short.mp4', @picture, sweep(44100, 4.1), @coded, qw(-c:a aac)),
    raw   => make_media('copysound-raw.mp4', @picture, sweep(48000, 12), @coded, qw(-c:a aac -use_editlist 0)),
    many  => make_media('copysound-many.mp4', @picture, '-f', 'lavfi', '-i', 'sine=d=12,pan=5.1|c0=c0|c1=c0|c2=c0', @coded, qw(-c:a aac)),
    mp3   => make_media('copysound-mp3.mp4', @picture, sweep(48000, 12), @coded, qw(-c:a libmp3lame)),
    low   => make_media('copysound-low.mp4', @picture, sweep(22050, 12), @coded, qw(-c:a aac)),
);
symlink $source{$_}, "$dir/$_.mp4" or die $! for keys %source;

sub clip { my ($name, %more) = @_; return { asset => { type => 'video', src => "$name.mp4" }, %more } }

sub film {
    my ($clips, %more) = @_;
    return { timeline => { width => 320, height => 180, fps => 25, tracks => [ { id => 'v', clips => $clips }, @{ delete $more{tracks} // [] } ] }, %more };
}

sub run_render {
    my ($verb, $document, @more) = @_;
    open my $f, '>', "$dir/film.json" or die $!;
    print {$f} $json->encode($document);
    close $f or die $!;
    return scalar `$build/render $verb $dir/film.json @more 2>$dir/said`;
}

sub planned {
    my ($what, $document) = @_;
    my $plan = run_render('plan', $document);
    is $?, 0, "$what: planned" or diag $plan, slurp("$dir/said");
    return $json->decode($plan);
}

sub samples { return unpack 's<*', `ffmpeg -nostdin -v error $_[0] -vn -f s16le -` }
sub packets { return map { (split /,/)[5] } grep { !/^#/ } split /\n/, `ffmpeg -nostdin -v error -i $_[0] -map 0:a -c copy -f framemd5 -` }

# The film's sound is that of the source from that moment on, sample by sample.
sub is_copied {
    my ($what, $document, $name, $from, $seconds, $format) = @_;
    $format //= 'mp4';
    my $copy = planned($what, $document)->{outputs}[0]{sound_copy};
    ok $copy, "$what: copied" or return;
    cmp_ok $copy->{lead}, '<', 2048, '  little is to be left out in front';

    run_render('compose', $document, "-o $dir/o.$format");
    is $?, 0, '  rendered' or diag slurp("$dir/said");

    my @was = samples("-ss $from -t $seconds -i $dir/$name.mp4");
    my @is  = samples("-i $dir/o.$format");
    my $n   = min(scalar(@was), scalar(@is));
    cmp_ok $n, '>', 0.99 * $seconds * $copy->{rate}, '  all of it';
    cmp_ok max(map { abs($was[$_] - $is[$_]) } 0 .. $n - 1), '<=', 1, '  each sample in its place';

    my %known = map { $_ => 1 } packets("$dir/$name.mp4");
    my @packets = packets("$dir/o.$format");
    is scalar(grep { !$known{$_} } @packets), 0, '  by packets of the source';
    my ($start) = `ffprobe -v error -select_streams a -show_entries stream=start_time -of csv=p=0 $dir/o.$format` =~ /(\S+)/;
    is $start + 0, 0, '  from its beginning';
    return;
}

is_copied('a whole film', film([ clip('a44') ]), 'a44', 0, 12);
is_copied('a whole film at 48 kHz', film([ clip('a48') ]), 'a48', 0, 12);
is_copied('a part of it', film([ clip('a44', in_point => 2.52, out_point => 9) ]), 'a44', 2.52, 6.48);
is_copied('a part that begins with the second packet', film([ clip('a48', in_point => 0.04) ]), 'a48', 0.04, 11.9);
is_copied('mono', film([ clip('mono', in_point => 3, out_point => 5) ]), 'mono', 3, 2);
is_copied('one that is cut in two', film([ clip('a44', in_point => 1, out_point => 4), clip('a44', in_point => 4, out_point => 6) ]), 'a44', 1, 5);
is_copied('a range', film([ clip('a44') ], outputs => [ { range => { start => 3, duration => 2 } } ]), 'a44', 3, 2);
my $ntsc = film([ clip('a48') ], outputs => [ { range => { start => 1.3, duration => 2 } } ]);
$ntsc->{timeline}{fps} = '30000/1001';
is_copied('a range of a rate whose pictures begin between samples', $ntsc, 'a48', 39 * 1001 / 30000, 2);
is_copied('as M4A', film([ clip('a44', in_point => 6) ], outputs => [ { format => 'm4a' } ]), 'a44', 6, 5.9, 'm4a');
is_copied('under other pictures', film([ clip('a44') ], tracks => [ { clips => [ { asset => { type => 'color', color => '#f00' }, duration => 12 } ] } ]),
    'a44', 0, 12);

# Its sound ends early: what is left is silent.
is_copied('less sound than pictures', film([ clip('short') ]), 'short', 0, 4.1);
is `ffprobe -v error -select_streams v -show_entries stream=nb_frames -of csv=p=0 $dir/o.mp4` + 0, 300, '  and all pictures';

# What is changed, or not such a sound, is mixed.
my $voice = { kind => 'audio', clips => [ { asset => { type => 'audio', src => 'a48.mp4' }, duration => 2 } ] };
my %mixed = (
    'softer'                => film([ clip('a44', volume => 0.5) ]),
    'faded in'              => film([ clip('a44', fade_in => 1) ]),
    'faded out'             => film([ clip('a44', fade_out => 1) ]),
    'faster'                => film([ clip('a44', speed => 2) ]),
    'with moving volume'    => film([ clip('a44', keyframes => { volume => [ { time => 0, value => 0 }, { time => 1, value => 1 } ] }) ]),
    'under another sound'   => film([ clip('a44') ], tracks => [$voice]),
    'later than the film'   => film([ clip('a44', start => 1) ]),
    'shorter than the film' => film([ clip('a44', duration => 3), { asset => { type => 'color', color => '#fff' }, duration => 1 } ]),
    'twice'                 => film([ clip('a44', duration => 3), clip('a44', duration => 3) ]),
    'two sources'           => film([ clip('a44', duration => 3), clip('a48', duration => 3) ]),
    'with a transition'     => film([ clip('a44', duration => 3), { type => 'transition', transition_type => 'fade', duration => 1 }, clip('a44', in_point => 3) ]),
    'of low quality'        => film([ clip('a44') ], outputs => [ { quality => 'low' } ]),
    'of a loudness'         => film([ clip('a44') ], outputs => [ { audio => { loudness => -20 } } ]),
    'beside a stream'       => film([ clip('a44') ], outputs => [ {}, { format => 'hls' } ]),
    'as Opus'               => film([ clip('a44') ], outputs => [ { format => 'webm' } ]),
    'in six channels'       => film([ clip('many') ]),
    'with a gap in it'      => film([ clip('raw', in_point => 5) ]),
    'in MP3'                => film([ clip('mp3') ]),
    'at a rate few know'    => film([ clip('low') ]),
    'of a softer track'     => { timeline => { width => 320, height => 180, fps => 25, tracks => [ { volume => 0.9, clips => [ clip('a44') ] } ] } },
    'of a track that steps back' => { timeline => { width => 320, height => 180, fps => 25, tracks => [ { ducking => { by => 'x' }, clips => [ clip('a44') ] },
        { id => 'x', clips => [ { asset => { type => 'color', color => '#fff' }, duration => 1 } ] } ] } },
);
for my $what (sort keys %mixed) {
    my $plan = planned($what, $mixed{$what});
    ok !(grep { $_->{sound_copy} } @{ $plan->{outputs} }), "$what: mixed";
    ok !(grep { $_->{spec}{copy} } @{ $plan->{sound} }), '  every piece of it';
}

# Where a file does not hold what is known of it, that is told, and it is mixed.
{
    my $document = film([ clip('a44', duration => 6) ]);
    run_render('plan', $document, "--cache $dir/kept");
    my ($facts) = glob "$dir/kept/*.facts";
    my $known = $json->decode(slurp($facts));
    $known->{copy_sound}{from} = -512;
    open my $f, '>', $facts or die $!;
    print {$f} $json->encode($known);
    close $f or die $!;
    run_render('compose', $document, "--cache $dir/kept -o $dir/o.mp4");
    is $?, 0, 'packets that are not where they were: rendered' or diag slurp("$dir/said");
    like slurp("$dir/said"), qr/the sound cannot be copied: .*a44\.mp4 cannot be copied, and is rendered/s, '  and that is told';
    my @heard = samples("-i $dir/o.mp4");
    cmp_ok scalar(@heard), '>', 0.99 * 48000 * 2 * 6, '  all of it';
}

# boxes($file): those on top, as [type, bytes]
sub boxes {
    my ($file) = @_;
    open my $in, '<:raw', $file or die "$file: $!";
    my @boxes;
    while (read $in, my $head, 16) {
        my ($size, $type, $large) = unpack 'N a4 Q>', $head . "\0" x 8;
        $size = $large if $size == 1;
        push @boxes, [ $type, $size ];
        seek $in, $size - length $head, 1;
    }
    return @boxes;
}

# The index is in front; of a small part of a long file no room is left for it that is more than it.
{
    system("ffmpeg -nostdin -v error -y -f lavfi -i anoisesrc=d=900:a=0.3:seed=1 -ac 2 -ar 48000 -c:a aac -aac_coder fast -b:a 160k $dir/long.m4a") == 0 or die;
    my $document = film([ { asset => { type => 'color', color => '#123' }, duration => 5 } ], outputs => [ { format => 'm4a' } ],
        tracks => [ { kind => 'audio', clips => [ { asset => { type => 'audio', src => 'long.m4a' }, in_point => 300, duration => 5 } ] } ]);
    run_render('compose', $document, "-o $dir/o.m4a");
    is $?, 0, 'five seconds of a quarter of an hour' or diag slurp("$dir/said");
    my @boxes = boxes("$dir/o.m4a");
    like join(' ', map { $_->[0] } @boxes), qr/\Aftyp moov .*mdat\z/, '  its index is in front';
    my ($room) = map { $_->[0] eq 'free' ? $_->[1] : () } @boxes;
    cmp_ok $room // 0, '<', 0.01 * -s "$dir/o.m4a", '  and no room beside it';
}

# Where the first source is light and the next one heavy, there is room enough, and it was left at once.
{
    system("ffmpeg -nostdin -v error -y -f lavfi -i $_->[1] -t 12 -c:v libx264 -preset ultrafast -bf 2 -g 25 -pix_fmt yuv420p -x264-params keyint=25"
        . " -colorspace bt709 -color_primaries bt709 -color_trc bt709 -crf $_->[2] $dir/$_->[0].mp4") == 0 or die
        for [ light => 'color=s=320x180:r=25', 23 ], [ heavy => 'color=s=320x180:r=25,noise=alls=100:allf=t', 23 ];
    for my $order ([qw(light heavy)], [qw(heavy light)]) {
        run_render('compose', film([ map { clip($_) } @$order ]), "-o $dir/o.mp4");
        is $?, 0, "@$order: made" or diag slurp("$dir/said");
        my @boxes = boxes("$dir/o.mp4");
        like join(' ', map { $_->[0] } @boxes), qr/\Aftyp moov free free mdat\z/, '  room was left for its index';
        cmp_ok $boxes[2][1], '<', 0.01 * -s "$dir/o.mp4", '  and not much more';
    }
}

# Through a worker; and where a source does not hold what is known of it that is forgotten, and it is mixed.
my $s     = Render::Test->start(workers => 1, slots => 2, http_conf => 'render_bcrypt_cost 5;');
my $token = $s->signup->{token};
my $id    = $s->upload($token, $source{a44})->{id};

sub rendered {
    my ($what) = @_;
    my $document = film([ { asset => { type => 'video', src => "asset:$id" }, in_point => 2, out_point => 7 } ]);
    my $r = $s->req(POST => '/compositions', token => $token, json => $document);
    is $r->{status}, 202, "$what: taken" or diag $r->{body};
    my $job = $s->wait_job($token, $r->{json}{job_id});
    is $job->{status}, 'completed', '  made' or diag explain $job->{error};
    my $link = $s->req(GET => "/results/$job->{id}/final", token => $token);
    open my $out, '>:raw', "$dir/$what.mp4" or die $!;
    print {$out} $s->req(GET => $link->{headers}{location})->{body};
    close $out or die $!;
    return $job;
}

rendered('copied');
my %known = map { $_ => 1 } packets("$dir/a44.mp4");
is scalar(grep { !$known{$_} } packets("$dir/copied.mp4")), 0, 'a worker copies, too';
my $asset = $s->req(GET => "/videos/$id", token => $token)->{json};
ok $asset->{probe}{audio} && !exists $asset->{probe}{copy_sound}, 'the places for it are nobody\'s business';
is $s->psql("SELECT probe->'audio'->>'rate' FROM render.asset WHERE origin = 'render' LIMIT 1"), 44100, 'of the film its rate is known';

# what a probe of an older version does not tell is looked for
is $s->psql("SELECT probe->'copy_sound'->'told'->>'stream' FROM render.asset WHERE id = '$id'"), 1, 'what opens it without looking is told';
$s->psql("UPDATE render.asset SET probe = probe #- '{copy_sound,told}' WHERE id = '$id'");
rendered('looked-for');
is_deeply [packets("$dir/looked-for.mp4")], [packets("$dir/copied.mp4")], 'and where it is not, the same is copied';

$s->psql('UPDATE render.job_segment SET scope = NULL; DELETE FROM render.segment');
$s->psql("UPDATE render.asset SET probe = jsonb_set(probe, '{copy_sound,from}', '-512') WHERE id = '$id'");
my $job = rendered('other');
is $s->psql("SELECT run FROM render.job WHERE id = '$job->{id}'"), 2, 'packets that are not where they were: another run';
is $s->psql("SELECT count(*) FROM render.asset WHERE id = '$id' AND probe ? 'copy_sound'"), 0, 'which does not try again';
my @was = samples("-i $dir/copied.mp4");
my @is  = samples("-i $dir/other.mp4");
cmp_ok scalar(grep { !$known{$_} } packets("$dir/other.mp4")), '>', 100, 'but mixes';
cmp_ok scalar(@is), '>', 0.99 * 48000 * 2 * 5, 'all of it';
$s->stop;

done_testing;
