# Streams: the command's files, and through a worker a stream that can be watched
# while its film is rendered, ends when that ends, and holds the film's own packets.

use strict;
use warnings;

use lib 't/lib';

use File::Temp qw(tempdir);
use JSON::PP;
use List::Util qw(sum);
use Test::More;

use Render::Test;
use Render::Test::Faults;
use Render::Test::Problem;
use Render::Test::Files;

my $build = $ENV{RENDER_BUILD} // 'build';
my $dir   = tempdir(CLEANUP => 1);
my $json  = JSON::PP->new->utf8->canonical;

# The digests of a file's packets, in the order of their decoding.
sub packets {
    my ($file, $kind) = @_;
    return [map { /\A\d.*\s(\w{32})\s*\z/ ? $1 : () } `ffmpeg -nostdin -v error -i '$file' -map 0:$kind:0 -c copy -f framemd5 -`];
}

# A playlist: what each tag says of all, the parts in order, and whether it has ended.
sub playlist {
    my ($text) = @_;
    my %p = (parts => [], text => $text);
    like $text, qr/\A#EXTM3U\n#EXT-X-VERSION:7\n/, 'a playlist';
    ($p{target}) = $text =~ /^#EXT-X-TARGETDURATION:(\d+)$/m;
    ($p{type})   = $text =~ /^#EXT-X-PLAYLIST-TYPE:(\w+)$/m;
    @p{qw(head_uri head)} = $text =~ /^#EXT-X-MAP:URI="([^"]+)",BYTERANGE="(\d+)\@0"$/m;
    $p{ended} = $text =~ /\n#EXT-X-ENDLIST\n\z/ ? 1 : 0;
    while ($text =~ /^#EXTINF:([\d.]+),\n#EXT-X-BYTERANGE:(\d+)\@(\d+)\n(\S+)\n/mg) {
        push @{ $p{parts} }, { seconds => $1, bytes => $2, at => $3, uri => $4 };
    }
    return \%p;
}

sub well_formed {
    my ($p, $what) = @_;
    ok $p->{target}, "$what: has a target";
    is scalar(grep { $_->{seconds} > $p->{target} } @{ $p->{parts} }), 0, "$what: which no part exceeds";
    my %end = ($p->{head_uri} => $p->{head});
    my $gaps = 0;
    for my $part (@{ $p->{parts} }) {
        $end{ $part->{uri} } //= $p->{head};
        $gaps++ if $part->{at} != $end{ $part->{uri} };
        $end{ $part->{uri} } = $part->{at} + $part->{bytes};
    }
    is $gaps, 0, "$what: its parts lie one behind the other";
}

# ---------------------------------------------------------------- the command

system(qw(ffmpeg -nostdin -v error -y -f lavfi -i testsrc2=s=320x180:r=25:d=30 -f lavfi -i sine=d=30 -c:v libx264 -preset
    ultrafast -g 25 -pix_fmt yuv420p -c:a aac), "$dir/clip.mp4") == 0 or die 'ffmpeg';

sub document {
    my ($src, @outputs) = @_;
    return { timeline => { width => 960, height => 540, fps => 25, tracks => [ { clips => [
        { asset => { type => 'video', src => $src }, duration => 20 },
        { type => 'transition', transition_type => 'fade', duration => 0.4 },
        { asset => { type => 'color', color => '#204060' }, duration => 3 },
        { asset => { type => 'video', src => $src }, in_point => 1.3, duration => 7 } ] } ] }, outputs => \@outputs };
}

my @sizes = ({}, { height => 270, quality => 'low' });
spew("$dir/film.json", $json->encode(document('clip.mp4', { format => 'mp4' }, { name => 'live', format => 'hls', renditions => \@sizes })));
is system("$build/render compose $dir/film.json -o $dir/out 2>$dir/err"), 0, 'the command writes a stream' or diag slurp("$dir/err");

my $master = slurp("$dir/out/live.m3u8");
like $master, qr/^#EXT-X-MEDIA:TYPE=AUDIO,.*URI="live-s\.m3u8"$/m, 'its sound is a rendition';
my $size = qr/BANDWIDTH=\d+,CODECS="avc1\.6400[0-9A-F]{2},mp4a\.40\.2",RESOLUTION=\d+x\d+,FRAME-RATE=25\.000,AUDIO="sound"/;
is scalar(() = $master =~ /^#EXT-X-STREAM-INF:$size$/mg), 2, 'there are two sizes';
like $master, qr/RESOLUTION=960x540.*\nlive-v0\.m3u8\n.*RESOLUTION=480x270.*\nlive-v1\.m3u8\n\z/, 'by their names';

my %of;
for my $track (qw(v0 v1 s)) {
    my $p = $of{$track} = playlist(slurp("$dir/out/live-$track.m3u8"));
    well_formed($p, $track);
    is $p->{ended}, 1, "$track: has ended";
    is $p->{type}, 'VOD', "$track: and is whole";
    cmp_ok abs(29.6 - sum map { $_->{seconds} } @{ $p->{parts} }), '<', 1e-3, "$track: is as long as the film";
    my $end = $p->{parts}[-1];
    is $end->{at} + $end->{bytes}, -s "$dir/out/live-$track.mp4", "$track: nothing lies behind it";
}
is_deeply [map { $_->{seconds} } @{ $of{v0}{parts} }], [map { $_->{seconds} } @{ $of{v1}{parts} }], 'both sizes are cut alike';

my $want = packets("$dir/out/final.mp4", 'v');
is scalar(@$want), 740, 'the film has its pictures';
is_deeply packets("$dir/out/live-v0.mp4", 'v'), $want, 'the stream has the very same packets';
my $sound = packets("$dir/out/final.mp4", 'a');
is_deeply packets("$dir/out/live-s.mp4", 'a'), [@$sound[1 .. $#$sound]], 'and those of the sound, but for the delay of its coder';

# how a player that knows no edit lists has it: pictures and sound begin at one time
my $probe = ffprobe("$dir/out/live.m3u8");
my %start = map { $_->{codec_type} => $_->{start_time} } @{ $probe->{streams} };
cmp_ok abs($start{video} - $start{audio}), '<', 0.001, 'pictures and sound begin together' or diag explain \%start;
cmp_ok abs($start{video} - 2 / 25), '<', 0.001, 'two pictures from 0';
is scalar(() = $master =~ /^#EXT-X-MEDIA:/mg), 1, 'with one sound';

# of a part of the film
sub pieces_of {
    my ($start, $length) = @_;
    spew("$dir/part.json", $json->encode(document('clip.mp4', { name => 'part', format => 'hls', range => { start => $start, duration => $length } })));
    return map { $_->{output} eq 'part' ? $_->{frames} : () } @{ $json->decode(scalar `$build/render plan $dir/part.json`)->{segments} };
}
my @pieces = pieces_of(4.2, 12);
is sum(@pieces), 12 * 25, 'a stream of a part has its pictures';
is $pieces[0] + $pieces[1], 3 * 25, 'and is soon to be watched: its first part is short, too' or diag "@pieces";
is join(' ', pieces_of(10, 3.2)), 80, 'a part that ends there is not cut for it';

spew("$dir/silent.json", $json->encode({ timeline => { width => 64, height => 48, fps => 25, tracks => [ { clips => [
    { asset => { type => 'color', color => '#204060' }, duration => 3 } ] } ] }, outputs => [ { format => 'hls' } ] }));
is system("$build/render compose $dir/silent.json -o $dir/silent 2>$dir/err"), 0, 'also a silent one' or diag slurp("$dir/err");
unlike slurp("$dir/silent/final.m3u8"), qr/AUDIO|mp4a/, 'tells of no sound';
is_deeply [sort map { s{.*/}{}r } glob "$dir/silent/*"], [qw(final-v0.m3u8 final-v0.mp4 final.m3u8)], 'and has none';

# ---------------------------------------------------------------- through a worker

my $s = Render::Test->start(workers => 1, slots => 1, http_conf => 'render_bcrypt_cost 5;');
my $u = $s->signup;
my $asset = $s->upload($u->{token}, "$dir/clip.mp4");

sub get { $s->req(GET => $_[0], token => $u->{token}) }
sub job { get("/jobs/$_[0]")->{json} }

# The stream of a job from outside: its link, which needs no token, and what lies under it.
sub stream {
    my ($job, $name) = @_;
    my $r = get("/results/$job/$name");
    is $r->{status}, 302, 'the stream is there' or diag $r->{body};
    my $at = $r->{headers}{location};
    like $at, qr{\A/d/\d+\.[0-9a-f]{32}/outputs/$job/\d+-hls/$name\.m3u8\z}, 'under a signed link';
    my ($expires) = $at =~ m{/d/(\d+)};
    cmp_ok $expires - time, '>', 5 * 3600, 'that lasts as long as one may watch';
    return $at;
}

sub beside { my ($at, $name) = @_; return $at =~ s{[^/]+\z}{$name}r }

sub read_playlist {
    my ($at) = @_;
    my $r = $s->req(GET => $at);
    is $r->{status}, 200, 'a playlist is had' or diag $r->{body};
    is $r->{headers}{'content-type'}, 'application/vnd.apple.mpegurl', 'as what it is';
    like $r->{headers}{'cache-control'}, qr/no-store/, 'and not kept, for it grows';
    return $r->{body};
}

# Head and parts of a track as its playlist says, one behind the other.
sub fetch {
    my ($at, $p, $file) = @_;
    my $bytes = '';
    my $bad   = 0;
    for my $part ({ uri => $p->{head_uri}, at => 0, bytes => $p->{head} }, @{ $p->{parts} }) {
        my $r = $s->req(GET => beside($at, $part->{uri}),
            headers => { Range => "bytes=$part->{at}-" . ($part->{at} + $part->{bytes} - 1) });
        $bad++ unless $r->{status} == 206 && length $r->{body} == $part->{bytes};
        $bytes .= $r->{body};
    }
    is $bad, 0, 'all parts are had, by their bytes';
    return spew("$dir/$file", $bytes);
}

my $id = submit($s, $u, document("asset:$asset->{id}", { format => 'mp4' }, { name => 'live', format => 'hls', renditions => \@sizes }));

wait_until(sub { job($id)->{results}{live} }, 60, 'a stream to watch');
my @held = render_children($s);
freeze(@held);
my $job = job($id);

SKIP: {
    skip 'the film was rendered before it could be looked at', 1 unless is $job->{status}, 'processing', 'there is a stream before the film';
    ok !$job->{results}{final}, 'which is not there yet';
    is $job->{results}{live}{content_type}, 'application/vnd.apple.mpegurl', 'it is told as what it is';
    is $job->{results}{live}{url}, "/results/$id/live", 'and where';
}

my $at    = stream($id, 'live');
my %early = (master => read_playlist($at));
for my $track (qw(v0 v1 s)) {
    my $p = $early{$track} = playlist(read_playlist(beside($at, "live-$track.m3u8")));
    well_formed($p, "early $track");
    is $p->{ended}, 0, "early $track: goes on";
    is $p->{type}, 'EVENT', "early $track: and will only grow";
    cmp_ok scalar(@{ $p->{parts} }), '>', 0, "early $track: has begun";
}
cmp_ok scalar(@{ $early{v0}{parts} }), '<', scalar(@{ $of{v0}{parts} }), 'not all is there';
fetch($at, $early{v0}, 'early.mp4');
my $seen = packets("$dir/early.mp4", 'v');
is_deeply $seen, [@$want[0 .. $#$seen]], 'what is there can be watched: the first packets of the film';

thaw(@held);
is $s->wait_job($u->{token}, $id)->{status}, 'completed', 'the film is rendered';
is read_playlist($at), $early{master}, 'the playlist of all sizes is as it was';
is $early{master} =~ s/BANDWIDTH=\d+//gr, $master =~ s/BANDWIDTH=\d+//gr, 'and as the command writes it';
for my $track (qw(v0 v1 s)) {
    my $p = playlist(read_playlist(beside($at, "live-$track.m3u8")));
    well_formed($p, $track);
    is substr($p->{text}, 0, length $early{$track}{text}), $early{$track}{text}, "$track: was only added to";
    is $p->{ended}, 1, "$track: has ended";
    is_deeply [map { [@$_{qw(seconds bytes)}] } @{ $p->{parts} }], [map { [@$_{qw(seconds bytes)}] } @{ $of{$track}{parts} }],
        "$track: its parts are those that the command writes";
    is $p->{target}, $of{$track}{target}, "$track: and so is the target" if $track ne 's';
    fetch($at, $p, "$track.mp4");
    is_deeply packets("$dir/$track.mp4", $track eq 's' ? 'a' : 'v'), packets("$dir/out/live-$track.mp4", $track eq 's' ? 'a' : 'v'),
        "$track: and so are its packets";
}
my $link = get("/results/$id/final")->{headers}{location};
spew("$dir/final.mp4", $s->req(GET => $link)->{body});
is_deeply packets("$dir/v0.mp4", 'v'), packets("$dir/final.mp4", 'v'), 'the film holds the very packets of the stream';

# once more, when storage holds all of it
my $again = submit($s, $u, document("asset:$asset->{id}", { format => 'hls', renditions => \@sizes }));
$job = $s->wait_job($u->{token}, $again);
is $job->{status}, 'completed', 'a stream alone';
is_deeply job($again)->{segments}{by_mode}, { reuse => 2 * @{ $of{v0}{parts} } }, 'whose pieces are there';
my $p = playlist(read_playlist(beside(stream($again, 'final'), 'final-v0.m3u8')));
is $p->{ended}, 1, 'is whole';
is scalar(@{ $p->{parts} }), scalar @{ $of{v0}{parts} }, 'in all its parts';

# a link to another stream, or to none
is_problem $s->req(GET => beside($at, 'live-v2.m3u8')), 404, 'a size that there is not';
is_problem $s->req(GET => beside($at, 'other.m3u8')), 404, 'another name';
is_problem $s->req(GET => $at =~ s{outputs/[^/]+}{outputs/$again}r), 403, 'a job that the link is not for';
is_problem $s->req(GET => $link =~ s{final\.mp4}{live.m3u8}r), 404, 'a playlist where the film lies' unless $s->s3;

# of two seconds at the least: a player of less shows nothing, and asks no more
sub packed {
    my ($id) = @_;
    return $s->psql("SELECT string_agg(input->>'count', ' ' ORDER BY number) FROM render.task
        WHERE job = '$id' AND kind = 'package' AND input->>'track' = 'video'");
}
my @turning = map +{ asset => { type => 'shape', shape => 'star' }, width => 60, height => 60, duration => $_,
    keyframes => { rotate => [ { time => 0, value => 0 }, { time => 'end', value => 90 } ] } }, 1.2, 1.6, 10;
my $short = submit($s, $u, { timeline => { width => 128, height => 72, fps => 25, tracks => [ { clips => \@turning } ] },
    outputs => [ { format => 'hls', renditions => [ {} ] } ] });
is $s->wait_job($u->{token}, $short)->{status}, 'completed', 'a stream that begins with short clips';
is packed($short), '2 2', 'its first part has two of them';

# What is in a stream's first part is rendered by itself, and before the rest.
sub first_runs {
    my ($id) = @_;
    return $s->psql("SELECT string_agg(m.number || ': ' || (m.input->>'numbers'), '; ' ORDER BY m.number)
        FROM render.task p JOIN render.task_edge e ON e.waiting = p.id JOIN render.task m ON m.id = e.task
        WHERE p.job = '$id' AND p.kind = 'package' AND p.input->>'track' = 'video' AND p.input->>'at' = '0'");
}
is first_runs($short), '0: [0, 1]', 'which one task renders, the first';
my $part = submit($s, $u, document("asset:$asset->{id}", { format => 'mp4' }, { name => 'part', format => 'hls', range => { start => 12.2, duration => 12 }, renditions => [ {} ] }));
is $s->wait_job($u->{token}, $part)->{status}, 'completed', 'a film, and a stream of a part of it';
is first_runs($part), '1: [2]', 'whose first part is rendered after that of its sound, and nothing else';
like packed($again), qr/\A1 2 /, 'one long piece is a first part by itself';

# cancelled: what is there stays watchable, and ends
system(qw(ffmpeg -nostdin -v error -y -f lavfi -i testsrc2=s=320x180:r=25:d=60:rate=25 -c:v libx264 -preset ultrafast -pix_fmt
    yuv420p), "$dir/long.mp4") == 0 or die 'ffmpeg';
my $long = $s->upload($u->{token}, "$dir/long.mp4");
$id = submit($s, $u, { timeline => { width => 1280, height => 720, fps => 25, tracks => [ { clips => [
    { asset => { type => 'video', src => "asset:$long->{id}" } } ] } ] }, outputs => [ { format => 'hls', renditions => [ {} ] } ] });
wait_until(sub { job($id)->{results}{final} }, 60, 'the beginning of a long stream');
is $s->req(POST => "/jobs/$id/cancel", token => $u->{token})->{status}, 200, 'cancelled';
$s->wait_job($u->{token}, $id);
$at = stream($id, 'final');
$p  = playlist(read_playlist(beside($at, 'final-v0.m3u8')));
is $p->{ended}, 1, 'a cancelled stream ends';
cmp_ok sum(map { $_->{seconds} } @{ $p->{parts} }), '<', 59, 'early';
fetch($at, $p, 'cancelled.mp4');
is scalar @{ packets("$dir/cancelled.mp4", 'v') }, int(0.5 + 25 * sum map { $_->{seconds} } @{ $p->{parts} }), 'and can be watched';

# nothing of it stays when its job is deleted
is $s->req(DELETE => "/jobs/$id", token => $u->{token})->{status}, 204, 'its job is deleted';
wait_until(sub { !$s->objects("outputs/$id") }, 20, 'its files to go');
pass 'and its files are gone';
is_problem $s->req(GET => $at), 404, 'with the playlist';

check_contract($s);
done_testing;
