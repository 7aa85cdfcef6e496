# docs/composition.schema.json against the parser: what the parser takes, the schema takes; what has an
# unknown field or a value of a wrong shape, both refuse. `render plan` is the parser here, so that
# documents which are refused later, for what their files hold, stay out of this.

use strict;
use warnings;

use lib 't/lib';

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use Render::Test;

my $top   = abs_path(dirname(__FILE__) . '/..');
my $build = $ENV{RENDER_BUILD} // "$top/build";
my $json  = JSON::PP->new->utf8->canonical;
my $dir   = tempdir(CLEANUP => 1);

my $clip = make_media('docs.mp4', '-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=30:d=4', '-f', 'lavfi', '-i', 'sine=d=4',
    qw(-c:v libx264 -c:a aac));
my $wav = make_media('docs.wav', '-f', 'lavfi', '-i', 'sine=d=3');
my $png = make_media('docs.png', '-f', 'lavfi', '-i', 'testsrc2=s=320x180', '-frames:v', '1');
symlink $clip, "$dir/clip.mp4";
symlink $wav, "$dir/music.wav";
symlink $png, "$dir/still.png";

my $color = '{"asset":{"type":"color","color":"#fff"}';
my $video = '{"asset":{"type":"video","src":"clip.mp4"}';
my $image = '{"asset":{"type":"image","src":"still.png"}';
my $text  = '{"asset":{"type":"text","text":"T"}';
my $audio = '{"asset":{"type":"audio","src":"music.wav"}';

sub clips    { return '{"timeline":{"tracks":[{"clips":[' . join(',', @_) . ']}]}}' }
sub asset    { return clips('{"asset":' . $_[0] . '}') }
sub root     { return '{"timeline":{"tracks":[{"clips":[' . $color . '}]}]}' . join('', map {",$_"} @_) . '}' }
sub timeline { return '{"timeline":{"tracks":[{"clips":[' . $color . '}]}],' . $_[0] . '}}' }
sub track    { return '{"timeline":{"tracks":[{"clips":[' . $color . '}],' . $_[0] . '}]}}' }
sub sound    { return '{"timeline":{"tracks":[{"clips":[' . $color . '}]},{"kind":"audio","clips":[' . $_[0] . ']}]}}' }
sub output   { return root("\"outputs\":[$_[0]]") }
my $fade = '{"type":"transition","transition_type":"fade","duration":0.5}';

# Taken by both.
my %good = (
    'the least'               => root(),
    'a version'               => root('"version":1'),
    'metadata of any kind'    => root('"metadata":[{"a":[null,1.5,"x"]}]'),
    'nothing to merge'        => root('"merge":{}'),
    'a title'                 => root('"title":"\u00fcber"'),
    'a canvas'                => timeline('"width":64,"height":64,"fps":25,"background":"#aBc"'),
    'a rate with a point'     => timeline('"fps":29.97'),
    'a rate as a fraction'    => timeline('"fps":"30000/1001"'),
    'a background with alpha' => timeline('"background":"#10203040"'),
    'fields of a track'       => track('"id":7,"title":{"x":1},"kind":"video","volume":"-6dB"'),
    'an item of type clip'    => clips("$color,\"type\":\"clip\",\"id\":\"a\",\"title\":\"t\",\"metadata\":null,\"duration\":1}"),
    'times in frames'         => clips("$video,\"start\":\"0f\",\"duration\":\"30f\",\"in_point\":\"3f\"}"),
    'times in words'          => clips("$video,\"start\":\"auto\",\"duration\":\"auto\",\"out_point\":\"auto\"}"),
    'in and out'              => clips("$video,\"in_point\":0.5,\"out_point\":3}"),
    'sound of a film'         => clips("$video,\"volume\":0.5,\"fade_in\":0.1,\"fade_out\":\"3f\"}"),
    'louder by 12 dB'         => clips("$video,\"volume\":\"+12dB\"}"),
    'every fit'               => clips(map { "$image,\"fit\":\"$_\",\"duration\":1}" } qw(cover contain fill none)),
    'every place'             => clips(map { "$image,\"position\":\"$_\",\"duration\":1}" } qw(top-left top top-right left center
        right bottom-left bottom bottom-right)),
    'a place in px'           => clips("$image,\"position\":{\"x\":-10,\"y\":\"12.5%\"},\"offset\":{\"x\":\"-5%\"}}"),
    'a place of nothing'      => clips("$image,\"position\":{},\"offset\":{}}"),
    'a size'                  => clips("$image,\"width\":\"50%\",\"height\":36.5}"),
    'a text with a width'     => clips("$text,\"width\":300,\"opacity\":0.5}"),
    'how a picture comes'     => clips("$image,\"transition\":{\"in\":\"fade\",\"out\":\"fade\",\"duration\":\"6f\"}}"),
    'a transition'            => clips("$image,\"duration\":2}", $fade, "$color,\"duration\":2}"),
    'a cut'                   => clips("$image,\"duration\":2}", '{"type":"transition","transition_type":"cut","id":5}', "$color}"),
    'a font'                  => asset('{"type":"text","text":"T","font":{"family":"Noto Sans","size":4.5,"color":"#f008","weight":"bold","style":"italic"},"background":"#0008","align":"right"}' =~ s/#f008/#ff000088/r =~ s/#0008/#00000088/r),
    'a text with a colour'    => asset('{"type":"text","text":" x ","color":"#fff"}'),
    'a sound'                 => sound("$audio,\"start\":0,\"duration\":\"end\",\"volume\":0,\"fade_out\":1}"),
    'a track without clips'   => '{"timeline":{"tracks":[{"clips":[' . $color . '}]},{"kind":"audio","clips":[]}]}}',
    'an output'               => output('{"name":"hd-1_a","format":"mp4","quality":"high","width":640,"height":360,"fps":24}'),
    'an output of nothing'    => output('{}'),
    'a poster'                => root('"poster":{"time":"30f"},"blurhash":false'),
    'a poster of nothing'     => root('"poster":{}'),
    'a film behind the end'   => clips("$color,\"duration\":1}", "$color,\"start\":2,\"duration\":1}"),
);

# Refused by both, at the same place.
my %bad = (
    'an array'                         => ['[]', ''],
    'a poster with a slip of the pen'  => [root('"poster":{"tim":1}'), '/poster/tim'],
    'a poster in words'                => [root('"poster":{"time":"end"}'), '/poster/time'],
    'a hash of a number'               => [root('"blurhash":1'), '/blurhash'],
    'no time line'                     => ['{}', ''],
    'another version'                  => [root('"version":2'), '/version'],
    'a version in words'               => [root('"version":"1"'), '/version'],
    'an unknown field'                 => [root('"foo":1'), '/foo'],
    'a title of a number'              => [root('"title":5'), '/title'],
    'merge fields'                     => [root('"merge":{"a":1}'), '/merge'],
    'a webhook'                        => [root('"webhook_url":"https://example.test/"'), '/webhook_url'],
    'an unknown field of the line'     => [timeline('"foo":1'), '/timeline/foo'],
    'an odd width'                     => [timeline('"width":641'), '/timeline/width'],
    'a width in words'                 => [timeline('"width":"640"'), '/timeline/width'],
    'a small height'                   => [timeline('"height":8'), '/timeline/height'],
    'no rate'                          => [timeline('"fps":0'), '/timeline/fps'],
    'a colour by its name'             => [timeline('"background":"red"'), '/timeline/background'],
    'no tracks'                        => ['{"timeline":{}}', '/timeline'],
    'tracks of nothing'                => ['{"timeline":{"tracks":[]}}', '/timeline/tracks'],
    'an unknown field of a track'      => [track('"clip":1'), '/timeline/tracks/0/clip'],
    'another kind of track'            => [track('"kind":"subtitle"'), '/timeline/tracks/0/kind'],
    'a volume below 0'                 => [track('"volume":-1'), '/timeline/tracks/0/volume'],
    'a clip that is none'              => [clips('5'), '/timeline/tracks/0/clips/0'],
    'a clip of nothing'                => [clips('{"start":1}'), '/timeline/tracks/0/clips/0'],
    'an unknown field of a clip'       => [clips("$color,\"durration\":1}"), '/timeline/tracks/0/clips/0/durration'],
    'a speed'                          => [clips("$video,\"speed\":2}"), '/timeline/tracks/0/clips/0/speed'],
    'a start below 0'                  => [clips("$color,\"start\":-1}"), '/timeline/tracks/0/clips/0/start'],
    'a start of null'                  => [clips("$color,\"start\":null}"), '/timeline/tracks/0/clips/0/start'],
    'a start at the end'               => [clips("$color,\"start\":\"end\"}"), '/timeline/tracks/0/clips/0/start'],
    'an in-point in words'             => [clips("$video,\"in_point\":\"auto\"}"), '/timeline/tracks/0/clips/0/in_point'],
    'a fade in words'                  => [clips("$video,\"fade_in\":\"end\"}"), '/timeline/tracks/0/clips/0/fade_in'],
    'another fit'                      => [clips("$video,\"fit\":\"stretch\"}"), '/timeline/tracks/0/clips/0/fit'],
    'another place'                    => [clips("$video,\"position\":\"middle\"}"), '/timeline/tracks/0/clips/0/position'],
    'a place with z'                   => [clips("$video,\"position\":{\"z\":1}}"), '/timeline/tracks/0/clips/0/position/z'],
    'a size of 0'                      => [clips("$video,\"width\":0}"), '/timeline/tracks/0/clips/0/width'],
    'an opacity of 2'                  => [clips("$video,\"opacity\":2}"), '/timeline/tracks/0/clips/0/opacity'],
    'a volume of a colour'             => [clips("$color,\"volume\":1}"), '/timeline/tracks/0/clips/0/volume'],
    'a fit of a text'                  => [clips("$text,\"fit\":\"cover\"}"), '/timeline/tracks/0/clips/0/fit'],
    'a height of a text'               => [clips("$text,\"height\":9}"), '/timeline/tracks/0/clips/0/height'],
    'an in-point of a picture'         => [clips("$image,\"in_point\":1}"), '/timeline/tracks/0/clips/0/in_point'],
    'a place of a sound'               => [sound("$audio,\"position\":\"top\"}"), '/timeline/tracks/1/clips/0/position'],
    'a sound on a track of pictures'   => [clips("$audio}"), '/timeline/tracks/0/clips/0/asset'],
    'a picture on a track of sounds'   => [sound("$image}"), '/timeline/tracks/1/clips/0/asset'],
    'a transition of another name'     => [clips("$color}", '{"type":"transition","transition_type":"wipeleft"}', "$color}"), '/timeline/tracks/0/clips/1/transition_type'],
    'a transition without a name'      => [clips("$color}", '{"type":"transition"}', "$color}"), '/timeline/tracks/0/clips/1'],
    'an unknown field of a transition' => [clips("$color}", '{"type":"transition","transition_type":"fade","asset":{}}', "$color}"), '/timeline/tracks/0/clips/1/asset'],
    'a transition until the end'       => [clips("$color}", '{"type":"transition","transition_type":"fade","duration":"end"}', "$color}"), '/timeline/tracks/0/clips/1/duration'],
    'an asset of no type'              => [asset('{"src":"clip.mp4"}'), '/timeline/tracks/0/clips/0/asset'],
    'an asset of another type'         => [asset('{"type":"speech"}'), '/timeline/tracks/0/clips/0/asset/type'],
    'an unknown field of an asset'     => [asset('{"type":"video","src":"clip.mp4","url":"x"}'), '/timeline/tracks/0/clips/0/asset/url'],
    'a video without a source'         => [asset('{"type":"video"}'), '/timeline/tracks/0/clips/0/asset'],
    'a source of a colour'             => [asset('{"type":"color","color":"#fff","src":"clip.mp4"}'), '/timeline/tracks/0/clips/0/asset/src'],
    'a colour of none'                 => [asset('{"type":"color"}'), '/timeline/tracks/0/clips/0/asset'],
    'a colour of a video'              => [asset('{"type":"video","src":"clip.mp4","color":"#fff"}'), '/timeline/tracks/0/clips/0/asset/color'],
    'a font of a video'                => [asset('{"type":"video","src":"clip.mp4","font":{}}'), '/timeline/tracks/0/clips/0/asset/font'],
    'a text of blanks'                 => [asset('{"type":"text","text":" \n "}'), '/timeline/tracks/0/clips/0/asset'],
    'a text of a number'               => [asset('{"type":"text","text":5}'), '/timeline/tracks/0/clips/0/asset/text'],
    'a font of 3 px'                   => [asset('{"type":"text","text":"T","font":{"size":3}}'), '/timeline/tracks/0/clips/0/asset/font/size'],
    'an unknown field of a font'       => [asset('{"type":"text","text":"T","font":{"weigth":"bold"}}'), '/timeline/tracks/0/clips/0/asset/font/weigth'],
    'a source on another host'         => [asset('{"type":"video","src":"https://example.test/a.mp4"}'), '/timeline/tracks/0/clips/0/asset/src'],
    'an id in capitals'                => [asset('{"type":"video","src":"asset:0B5C8F7E-43F2-4B8E-9D58-2A0E6F1C7D11"}'), '/timeline/tracks/0/clips/0/asset/src'],
    'a file somewhere else'            => [asset('{"type":"video","src":"/etc/passwd"}'), '/timeline/tracks/0/clips/0/asset/src'],
    'two outputs'                      => [root('"outputs":[{},{}]'), '/outputs'],
    'no output'                        => [root('"outputs":[]'), '/outputs'],
    'another format'                   => [output('{"format":"webm"}'), '/outputs/0/format'],
    'an output called Final'           => [output('{"name":"Final"}'), '/outputs/0/name'],
    'an unknown field of an output'    => [output('{"bitrate":5}'), '/outputs/0/bitrate'],
);

# The schema's answer to all of them at once: { name => [[pointer, why], ...] }
my %documents = ((map { $_ => $good{$_} } keys %good), (map { $_ => $bad{$_}[0] } keys %bad));
spew("$dir/documents", $json->encode({ map { $_ => $json->decode($documents{$_}) } keys %documents }));
my ($code, $out, $err) = check_contract('--documents', "$dir/documents");
is $code, 0, 'the schema is applied' or BAIL_OUT($err);
my $said = $json->decode($out);

for my $name (sort keys %good) {
    my @told = parser($good{$name});
    is "@told", '', "$name: the parser takes it";
    is_deeply $said->{$name}, [], "$name: so does the schema" or diag explain $said->{$name};
}
for my $name (sort keys %bad) {
    my ($text, $pointer) = @{ $bad{$name} };
    my @told = parser($text);
    ok scalar(grep { index($_, $pointer) == 0 } @told), "$name: the parser refuses it" or diag explain \@told;
    my @where = map { $_->[0] eq '/' ? '' : $_->[0] } @{ $said->{$name} };
    (my $around = $pointer) =~ s{/[^/]*\z}{};
    ok scalar(grep { index($_, $around) == 0 } @where), "$name: so does the schema" or diag explain $said->{$name};
}
cmp_ok scalar(keys %documents), '>=', 40, 'documents were looked at';
done_testing;


# The pointers at which `render plan` finds fault; nothing if it makes a plan.
sub parser {
    my ($document) = @_;
    spew("$dir/film.json", $document);
    my $told = `'$build/render' plan '$dir/film.json' 2>&1 >/dev/null`;
    return () if $? == 0;
    return map { m{\A\Q$dir/film.json\E: (.*?): } ? $1 : "?$_" } split /\n/, $told;
}

sub spew {
    my ($file, $bytes) = @_;
    open my $f, '>:raw', $file or die "$file: $!";
    print {$f} $bytes;
    close $f or die "$file: $!";
}
