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
use Render::Test::Files;

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
spew("$dir/table.cube", join "\n", 'LUT_1D_SIZE 2', '0 0 0', '1 1 1');
spew("$dir/drawing.svg", '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 1"/>');

my $color = '{"asset":{"type":"color","color":"#fff"}';
my $video = '{"asset":{"type":"video","src":"clip.mp4"}';
my $image = '{"asset":{"type":"image","src":"still.png"}';
my $text  = '{"asset":{"type":"text","text":"T"}';
my $shape = '{"asset":{"type":"shape","shape":"star"}';
my $svg   = '{"asset":{"type":"svg","src":"drawing.svg"}';
my $wave  = '{"asset":{"type":"waveform","src":"music.wav"}';
my $audio = '{"asset":{"type":"audio","src":"music.wav"}';

sub clips    { return '{"timeline":{"tracks":[{"clips":[' . join(',', @_) . ']}]}}' }
sub asset    { return clips('{"asset":' . $_[0] . '}') }
sub root     { return '{"timeline":{"tracks":[{"clips":[' . $color . '}]}]}' . join('', map {",$_"} @_) . '}' }
sub timeline { return '{"timeline":{"tracks":[{"clips":[' . $color . '}]}],' . $_[0] . '}}' }
sub track    { return '{"timeline":{"tracks":[{"clips":[' . $color . '}],' . $_[0] . '}]}}' }
sub sound    { return '{"timeline":{"tracks":[{"clips":[' . $color . '}]},{"kind":"audio","clips":[' . $_[0] . ']}]}}' }
sub moving   { my ($clip, $name, @keys) = @_; return clips("$clip,\"duration\":3,\"keyframes\":{\"$name\":[" . join(',', @keys) . ']}}') }
sub output   { return root("\"outputs\":[$_[0]]") }
my $fade = '{"type":"transition","transition_type":"fade","duration":0.5}';

# What moves, and a value of it.
my %moves = (opacity => 0.5, volume => 0.5, rotate => 45, scale => 1.5, width => '"50%"', height => 90, position => '{"x":1}',
    offset => '{"y":"5%"}', crop => '{"x":1,"width":"50%"}');

# Effects and the bounds of their parameters.
my @effects = (['blur', ['radius', 0.1, 500]], ['color', ['brightness', -1, 1], ['contrast', 0, 4], ['saturation', 0, 3], ['gamma', 0.1, 10],
    ['hue', -360, 360]], ['sharpen', ['amount', 0, 5]], ['vignette', ['amount', 0, 1]], ['chroma-key', ['similarity', 0.01, 1], ['blend', 0, 1]],
    ['noise', ['amount', 0, 1]]);
my ($least, $most) = map { my $i = $_; join ',', map { my ($type, @p) = @$_; "{\"type\":\"$type\"" . join('', map {",\"$_->[0]\":$_->[$i]"} @p) . '}' } @effects } 1, 2;

# Taken by both.
my %good = (
    'the least'               => root(),
    'a version'               => root('"version":1'),
    'metadata of any kind'    => root('"metadata":[{"a":[null,1.5,"x"]}]'),
    'nothing to merge'        => root('"merge":{}'),
    'a ducked track'          => '{"timeline":{"tracks":[{"id":"v","clips":[' . $color . '}]},{"clips":[' . $color
        . '}],"ducking":{"by":"v","amount_db":-6.5,"attack":0,"release":1,"hold":0.5}}]}}',
    'merge fields'            => root('"merge":{"NAME":"Ada","n":1.5,"on":true,"x.y-z_0":""}'),
    'a loudness'              => output('{"audio":{"loudness":-16}}'),
    'the lowest, a peak'      => output('{"format":"mov","audio":{"loudness":-70,"true_peak":-9}}'),
    'the highest of both'     => output('{"format":"hls","audio":{"loudness":-5,"true_peak":0}}'),
    'no loudness'             => output('{"format":"webm","audio":{}}'),
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
    'every fit'               => clips(map { "$image,\"fit\":\"$_\",\"duration\":1}" } qw(cover contain fill none contain-blur)),
    'every place'             => clips(map { "$image,\"position\":\"$_\",\"duration\":1}" } qw(top-left top top-right left center
        right bottom-left bottom bottom-right)),
    'a place in px'           => clips("$image,\"position\":{\"x\":-10,\"y\":\"12.5%\"},\"offset\":{\"x\":\"-5%\"}}"),
    'a place of nothing'      => clips("$image,\"position\":{},\"offset\":{}}"),
    'a size'                  => clips("$image,\"width\":\"50%\",\"height\":36.5}"),
    'a text with a width'     => clips("$text,\"width\":300,\"opacity\":0.5}"),
    'how a picture comes'     => clips("$image,\"transition\":{\"in\":\"fade\",\"out\":\"fade\",\"duration\":\"6f\"}}"),
    'speeds'                  => clips(map { "$video,\"speed\":$_,\"duration\":1}" } 0.25, 1, 4),
    'a sound at a speed'      => sound("$audio,\"speed\":1.5}"),
    'turns'                   => clips(map { ("$_,\"rotate\":-36000,\"duration\":1}", "$_,\"rotate\":36000,\"duration\":1}") } $image, $text, $color, $shape),
    'scales'                  => clips(map { ("$_,\"scale\":0,\"duration\":1}", "$_,\"scale\":20,\"duration\":1}") } $image, $text, $color, $shape),
    'round corners'           => clips(map { ("$_,\"radius\":0}", "$_,\"radius\":12.5,\"duration\":1}", "$_,\"radius\":\"50%\",\"duration\":1}") } $image, $video, $color),
    'crops'                   => clips(map { "$image,\"crop\":$_,\"duration\":1}" } '{}', '{"x":0,"y":10,"width":0.5,"height":"100%"}', '{"x":"25%"}'),
    'no effects'              => clips("$image,\"effects\":[]}"),
    'every effect'            => clips(map { "$image,\"effects\":[{\"type\":\"$_\"}],\"duration\":1}" } qw(blur grayscale sepia invert color
        sharpen vignette mirror chroma-key noise)),
    'the least of effects'    => clips("$video,\"effects\":[$least]}"),
    'the most of effects'     => clips("$video,\"effects\":[$most]}"),
    'words of effects'        => clips("$image,\"effects\":[{\"type\":\"mirror\",\"axis\":\"horizontal\"},{\"type\":\"mirror\",\"axis\":\"vertical\"},{\"type\":\"chroma-key\",\"color\":\"#0f0\"}]}"),
    'no keyframes'            => clips("$image,\"keyframes\":{}}"),
    'all that moves'          => clips("$image,\"duration\":9,\"keyframes\":{" . join(',', map { "\"$_\":[{\"time\":0,\"value\":$moves{$_}}]" } grep { $_ ne 'volume' } sort keys %moves) . '}}'),
    'a volume that moves'     => clips("$video,\"keyframes\":{\"volume\":[{\"time\":0,\"value\":0},{\"time\":1,\"value\":\"-6dB\"}]}}"),
    'a sound that moves'      => sound("$audio,\"keyframes\":{\"volume\":[{\"time\":\"end\",\"value\":1}]}}"),
    'a text that moves'       => moving($text, 'scale', '{"time":0,"value":20}'),
    'times of keys'           => moving($image, 'rotate', '{"time":0,"value":-36000}', '{"time":0.5,"value":36000}', '{"time":"30f","value":0}', '{"time":"end","value":1}'),
    'every easing'            => moving($image, 'opacity', map { "{\"time\":\"$_->[0]f\",\"value\":1,\"easing\":$_->[1]}" } [1, '"linear"'], [2, '"ease"'],
        [3, '"ease-in"'], [4, '"ease-out"'], [5, '"ease-in-out"'], [6, '"step"'], [7, '[0,-10,1,10]'], [8, '[0.25,0.1,0.25,1]']),
    'points that move'        => moving($image, 'position', '{"time":0,"value":{}}', '{"time":1,"value":{"x":-5,"y":"50%"}}'),
    'every shape'             => clips(map { "{\"asset\":{\"type\":\"shape\",\"shape\":\"$_\"},\"duration\":1}" } qw(rectangle ellipse triangle star line)),
    'a star'                  => asset('{"type":"shape","shape":"star","fill":"#ff000000","stroke":{"color":"#0f0","width":500},"points":100}'),
    'a drawing'               => asset(q({"type":"svg","svg":"<svg xmlns='http://www.w3.org/2000/svg'/>"})),
    'a table of colours'      => clips(map { "$image,\"effects\":[{\"type\":\"lut\",\"src\":\"table.cube\"$_}],\"duration\":1}" } '', ',"intensity":0', ',"intensity":1'),
    'waveforms'               => clips(map { "{\"asset\":{\"type\":\"waveform\",$_},\"duration\":1}" } '"src":"music.wav"',
        '"src":"clip.mp4","style":"bars","bars":4,"window":0.05', '"src":"clip.mp4","bars":512,"window":60',
        '"src":"music.wav","style":"line","color":"#fff","background":"#00000080"'),
    'a part of a waveform'    => clips("$wave,\"in_point\":1,\"out_point\":2,\"height\":\"20%\"}"),
    'a stroke of nothing'     => asset('{"type":"shape","shape":"star","stroke":{},"points":3}'),
    'a place of a shape'      => clips("$shape,\"width\":\"50%\",\"height\":20,\"position\":\"top\",\"opacity\":0.5,\"transition\":{\"in\":\"fade\"}}"),
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
    'markers of each kind'    => timeline('"markers":[{"name":"a","time":0},{"name":"b","time":"9f","kind":"branch","metadata":{"x":[1]}},'
        . '{"name":"c","time":1.5,"kind":"breakpoint"},{"name":"d","time":1,"kind":"split"},{"name":"e","time":2,"kind":"chapter"}]'),
    'a stream'                => root('"outputs":[{"format":"hls","quality":"low"}]'),
    'a stream of three sizes' => root('"outputs":[{"format":"hls","renditions":[{},{"height":360},{"width":320,"quality":"low"}]}]'),
    'eight outputs'           => root('"outputs":[{},{"format":"webm","range":{"start":1}},{"format":"mov","codec":"png"},'
        . '{"format":"gif","fps":12,"width":160,"range":{"start":"3f","duration":"9f"}},{"format":"mp4","name":"b","range":{"duration":0.5}},'
        . '{"format":"jpg","time":2,"height":90},{"format":"png-sequence","fps":1},{"format":"sprite","interval":0.5,"range":{}}]'),
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
    'a merge field of no name'         => [root('"merge":{"a b":1}'), '/merge/a b'],
    'a merge field of no plain value'  => [root('"merge":{"a":[1]}'), '/merge/a'],
    'ducking by nobody'                => [track('"ducking":{}'), '/timeline/tracks/0/ducking'],
    'ducking upwards'                  => [track('"ducking":{"by":"x","amount_db":1}'), '/timeline/tracks/0/ducking/amount_db'],
    'ducking for a number'             => [track('"ducking":{"by":1}'), '/timeline/tracks/0/ducking/by'],
    'no object to merge'               => [root('"merge":[]'), '/merge'],
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
    'a transition of another name'     => [clips("$color}", '{"type":"transition","transition_type":"swirl"}', "$color}"), '/timeline/tracks/0/clips/1/transition_type'],
    'a transition by an expression'    => [clips("$color}", '{"type":"transition","transition_type":"custom"}', "$color}"), '/timeline/tracks/0/clips/1/transition_type'],
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
    'an object of S3'                  => [asset('{"type":"video","src":"s3://bucket/a.mp4"}'), '/timeline/tracks/0/clips/0/asset/src'],
    'a URL with a password'            => [asset('{"type":"video","src":"https://me:pw@example.test/a.mp4"}'), '/timeline/tracks/0/clips/0/asset/src'],
    'a URL with a blank'               => [asset('{"type":"video","src":"https://example.test/a b"}'), '/timeline/tracks/0/clips/0/asset/src'],
    'a URL without a host'             => [asset('{"type":"video","src":"https:///a.mp4"}'), '/timeline/tracks/0/clips/0/asset/src'],
    'a URL of files'                   => [asset('{"type":"video","src":"file:///a.mp4"}'), '/timeline/tracks/0/clips/0/asset/src'],
    'an id in capitals'                => [asset('{"type":"video","src":"asset:0B5C8F7E-43F2-4B8E-9D58-2A0E6F1C7D11"}'), '/timeline/tracks/0/clips/0/asset/src'],
    'a file somewhere else'            => [asset('{"type":"video","src":"/etc/passwd"}'), '/timeline/tracks/0/clips/0/asset/src'],
    'markers of no list'               => [timeline('"markers":{}'), '/timeline/markers'],
    'a marker without a time'          => [timeline('"markers":[{"name":"a"}]'), '/timeline/markers/0'],
    'a marker without a name'          => [timeline('"markers":[{"time":1}]'), '/timeline/markers/0'],
    'a marker of another kind'         => [timeline('"markers":[{"name":"a","time":1,"kind":"note"}]'), '/timeline/markers/0/kind'],
    'a marker at the end'              => [timeline('"markers":[{"name":"a","time":"end"}]'), '/timeline/markers/0/time'],
    'an unknown field of a marker'     => [timeline('"markers":[{"name":"a","time":1,"at":2}]'), '/timeline/markers/0/at'],
    'seventeen outputs'                => [root('"outputs":[' . join(',', map { "{\"name\":\"o$_\"}" } 1 .. 17) . ']'), '/outputs'],
    'no output'                        => [root('"outputs":[]'), '/outputs'],
    'another format'                   => [output('{"format":"avi"}'), '/outputs/0/format'],
    'no sizes of a stream'             => [output('{"format":"hls","renditions":[]}'), '/outputs/0/renditions'],
    'seven sizes of a stream'          => [output('{"format":"hls","renditions":[{},{},{},{},{},{},{}]}'), '/outputs/0/renditions'],
    'a size of another kind'           => [output('{"format":"hls","renditions":[{"fps":5}]}'), '/outputs/0/renditions/0/fps'],
    'an odd size of a stream'          => [output('{"format":"hls","renditions":[{"width":33}]}'), '/outputs/0/renditions/0/width'],
    'a size beside sizes'              => [output('{"format":"hls","width":320,"renditions":[{}]}'), '/outputs/0/width'],
    'sizes of a film'                  => [output('{"renditions":[{}]}'), '/outputs/0/renditions'],
    'an output called Final'           => [output('{"name":"Final"}'), '/outputs/0/name'],
    'an output called preview'         => [output('{"name":"preview"}'), '/outputs/0/name'],
    'a size of a sound'                => [output('{"format":"mp3","width":320}'), '/outputs/0/width'],
    'a rate of a still'                => [output('{"format":"png","fps":5}'), '/outputs/0/fps'],
    'a rate of a sound'                => [output('{"format":"wav","fps":5}'), '/outputs/0/fps'],
    'a rate of a sprite'               => [output('{"format":"sprite","fps":5}'), '/outputs/0/fps'],
    'a moment of a film'               => [output('{"time":1}'), '/outputs/0/time'],
    'a moment at the end'              => [output('{"format":"jpg","time":"end"}'), '/outputs/0/time'],
    'a range of a still'               => [output('{"format":"jpg","range":{}}'), '/outputs/0/range'],
    'a range of nothing'               => [output('{"range":{"duration":0}}'), '/outputs/0/range/duration'],
    'a range of no frames'             => [output('{"range":{"duration":"00f"}}'), '/outputs/0/range/duration'],
    'a range until the end'            => [output('{"range":{"duration":"end"}}'), '/outputs/0/range/duration'],
    'a range of an unknown field'      => [output('{"range":{"end":5}}'), '/outputs/0/range/end'],
    'a codec of an MP4'                => [output('{"codec":"png"}'), '/outputs/0/codec'],
    'another codec'                    => [output('{"format":"mov","codec":"h264"}'), '/outputs/0/codec'],
    'an interval of a gif'             => [output('{"format":"gif","interval":1}'), '/outputs/0/interval'],
    'an interval of nothing'           => [output('{"format":"sprite","interval":0}'), '/outputs/0/interval'],
    'a loudness of pictures'           => [output('{"format":"gif","audio":{"loudness":-16}}'), '/outputs/0/audio'],
    'a loudness too high'              => [output('{"audio":{"loudness":-4.9}}'), '/outputs/0/audio/loudness'],
    'a loudness too low'               => [output('{"audio":{"loudness":-70.1}}'), '/outputs/0/audio/loudness'],
    'a loudness in words'              => [output('{"audio":{"loudness":"-16"}}'), '/outputs/0/audio/loudness'],
    'a peak too high'                  => [output('{"audio":{"loudness":-16,"true_peak":0.1}}'), '/outputs/0/audio/true_peak'],
    'a peak too low'                   => [output('{"audio":{"loudness":-16,"true_peak":-9.1}}'), '/outputs/0/audio/true_peak'],
    'a peak without a loudness'        => [output('{"audio":{"true_peak":-1}}'), '/outputs/0/audio/true_peak'],
    'an unknown field of the sound'    => [output('{"audio":{"gain":1}}'), '/outputs/0/audio/gain'],
    'an unknown field of an output'    => [output('{"bitrate":5}'), '/outputs/0/bitrate'],
);

my $at = '/timeline/tracks/0/clips/0';

# Fields of a clip, a value a little too much, and where.
$bad{"a clip with $_->[1]"} = [clips("$_->[0],$_->[1]}"), "$at/$_->[2]"] for (
    [$video, '"speed":0.24', 'speed'], [$video, '"speed":4.01', 'speed'], [$video, '"speed":"2x"', 'speed'],
    [$image, '"rotate":36001', 'rotate'], [$image, '"rotate":-36001', 'rotate'], [$image, '"rotate":"90"', 'rotate'],
    [$image, '"scale":-0.1', 'scale'], [$image, '"scale":20.1', 'scale'], [$image, '"scale":"50%"', 'scale'],
    [$image, '"radius":-1', 'radius'], [$image, '"radius":"-1%"', 'radius'], [$image, '"radius":100001', 'radius'],
    [$image, '"crop":[0,0,1,1]', 'crop'], [$image, '"crop":{"x":-1}', 'crop/x'], [$image, '"crop":{"y":"-1%"}', 'crop/y'],
    [$image, '"crop":{"width":0}', 'crop/width'], [$image, '"crop":{"height":-1}', 'crop/height'], [$image, '"crop":{"w":1}', 'crop/w'],
    [$image, '"effects":{}', 'effects'], [$image, '"effects":["blur"]', 'effects/0'], [$image, '"effects":[{}]', 'effects/0'],
    [$image, '"effects":[{"type":"glow"}]', 'effects/0/type'], [$image, '"effects":[' . join(',', ('{"type":"sepia"}') x 9) . ']', 'effects'],
    [$image, '"effects":[{"type":"sepia","amount":1}]', 'effects/0/amount'], [$image, '"effects":[{"type":"blur","axis":"vertical"}]', 'effects/0/axis'],
    [$image, '"effects":[{"type":"mirror","axis":"both"}]', 'effects/0/axis'], [$image, '"effects":[{"type":"mirror","color":"#fff"}]', 'effects/0/color'],
    [$image, '"effects":[{"type":"chroma-key","color":"green"}]', 'effects/0/color'],
    [$image, '"keyframes":[]', 'keyframes'], [$image, '"keyframes":{"speed":[{"time":0,"value":1}]}', 'keyframes/speed'],
    [$image, '"keyframes":{"opacity":[]}', 'keyframes/opacity'], [$image, '"keyframes":{"opacity":0.5}', 'keyframes/opacity'],
    [$image, '"keyframes":{"scale":[' . join(',', map { "{\"time\":\"${_}f\",\"value\":1}" } 0 .. 1000) . ']}', 'keyframes/scale'],
    [$image, '"keyframes":{"scale":[5]}', 'keyframes/scale/0'],
);
for (['time', '{"value":1}', ''], ['value', '{"time":0}', ''], ['time', '{"time":"auto","value":1}', '/time'], ['time', '{"time":-1,"value":1}', '/time'],
     ['easing', '{"time":0,"value":1,"easing":"bounce"}', '/easing'], ['easing', '{"time":0,"value":1,"easing":[0,0,1]}', '/easing'],
     ['easing', '{"time":0,"value":1,"easing":[0,0,1,1,1]}', '/easing'], ['easing', '{"time":0,"value":1,"easing":[-0.1,0,1,1]}', '/easing'],
     ['easing', '{"time":0,"value":1,"easing":[0,0,1.1,1]}', '/easing'], ['easing', '{"time":0,"value":1,"easing":[0,-11,1,1]}', '/easing'],
     ['easing', '{"time":0,"value":1,"easing":[0,0,1,11]}', '/easing'], ['field', '{"time":0,"value":1,"ease":"linear"}', '/ease']) {
    $bad{"a key's $_->[0]: $_->[1]"} = [moving($image, 'rotate', $_->[1]), "$at/keyframes/rotate/0$_->[2]"];
}
for (['opacity', 1.1], ['opacity', '"50%"'], ['rotate', 36001], ['rotate', -36001], ['scale', -1], ['scale', 20.1], ['width', 0], ['height', '"x"'],
     ['position', '"center"'], ['position', '{"z":1}'], ['offset', 5], ['crop', '{"width":0}'], ['crop', '"50%"']) {
    $bad{"a key of $_->[0]: $_->[1]"} = [moving($image, $_->[0], "{\"time\":0,\"value\":$_->[1]}"), "$at/keyframes/$_->[0]/0/value"];
}
$bad{"a key of volume: $_"} = [moving($video, 'volume', "{\"time\":0,\"value\":$_}"), "$at/keyframes/volume/0/value"] for 1.1, -1, '"6"';

# Parameters of effects, a step beyond their bounds.
for (map { my ($type, @p) = @$_; map { [$type, @$_] } @p } @effects) {
    my ($type, $name, $lo, $hi) = @$_;
    for my $v ($lo - 0.01, $hi + 0.01, '"1"') {
        $bad{"$type with a $name of $v"} = [clips("$image,\"effects\":[{\"type\":\"$type\",\"$name\":$v}]}"), "$at/effects/0/$name"];
    }
}

# Which fields, and keys of which fields, clips of which types have.
my %has = (
    svg   => [qw(rotate scale crop radius effects opacity position offset width height)],
    waveform => [qw(speed rotate scale opacity position offset width height)],
    video => [qw(speed rotate scale crop radius effects opacity volume position offset width height)],
    image => [qw(rotate scale crop radius effects opacity position offset width height)],
    color => [qw(rotate scale radius opacity position offset width height)],
    shape => [qw(rotate scale opacity position offset width height)],
    text  => [qw(rotate scale opacity position offset width)],
    audio => [qw(speed volume)],
);
my %some = (%moves, speed => 2, radius => 9, effects => '[{"type":"sepia"}]');
for my $type (sort keys %has) {
    my $clip = { video => $video, image => $image, color => $color, shape => $shape, text => $text, audio => $audio,
        svg => $svg, waveform => $wave }->{$type};
    my $film = $type eq 'audio' ? \&sound : \&clips;
    my $of = $type eq 'audio' ? '/timeline/tracks/1/clips/0' : $at;
    for my $name (sort keys %some) {
        my $has = grep { $_ eq $name } @{ $has{$type} };
        my $field = $film->("$clip,\"$name\":$some{$name}}");
        $has ? ($good{"$name of $type"} = $field) : ($bad{"$name of $type"} = [$field, "$of/$name"]);
        next if !$moves{$name};
        my $keys = $film->("$clip,\"keyframes\":{\"$name\":[{\"time\":0,\"value\":$moves{$name}}]}}");
        $has && "$type $name" ne 'text width' ? ($good{"keys of $name of $type"} = $keys)
            : ($bad{"keys of $name of $type"} = [$keys, "$of/keyframes/$name"]);
    }
}

# Shapes.
$bad{"a shape: $_->[0]"} = [asset("{\"type\":\"shape\",$_->[0]}"), "$at/asset$_->[1]"] for (
    ['"fill":"#fff"', ''], ['"shape":"hexagon"', '/shape'], ['"shape":"star","fill":"red"', '/fill'], ['"shape":"star","color":"#fff"', '/color'],
    ['"shape":"star","points":2', '/points'], ['"shape":"star","points":101', '/points'], ['"shape":"star","points":5.5', '/points'],
    ['"shape":"star","stroke":"#fff"', '/stroke'], ['"shape":"star","stroke":{"width":501}', '/stroke/width'],
    ['"shape":"star","stroke":{"width":-1}', '/stroke/width'], ['"shape":"star","stroke":{"color":5}', '/stroke/color'],
    ['"shape":"star","stroke":{"dash":1}', '/stroke/dash'], ['"shape":"star","text":"T"', '/text'], ['"shape":"star","src":"still.png"', '/src'],
);
$bad{"a drawing: $_->[0]"} = [asset("{\"type\":$_->[0]}"), "$at/asset$_->[1]"] for (
    ['"svg"', ''], ['"svg","src":"drawing.svg","svg":"<svg/>"', ''], ['"svg","svg":5', '/svg'], ['"svg","src":"drawing.svg","color":"#fff"', '/color'],
    ['"svg","src":"drawing.svg","style":"bars"', '/style'], ['"image","src":"still.png","svg":"<svg/>"', '/svg'], ['"waveform"', ''],
    ['"waveform","src":"music.wav","style":"waves"', '/style'], ['"waveform","src":"music.wav","bars":3', '/bars'],
    ['"waveform","src":"music.wav","bars":513', '/bars'], ['"waveform","src":"music.wav","bars":4.5', '/bars'],
    ['"waveform","src":"music.wav","style":"line","bars":9', '/bars'], ['"waveform","src":"music.wav","window":0.04', '/window'],
    ['"waveform","src":"music.wav","window":61', '/window'], ['"waveform","src":"music.wav","text":"T"', '/text'],
    ['"waveform","src":"music.wav","color":"red"', '/color'], ['"audio","src":"music.wav","window":2', '/window'],
    ['"svg","svg":"' . ' ' x 65537 . '"', '/svg'],
);
$bad{"a table: $_->[0]"} = [clips("$image,\"effects\":[{\"type\":\"lut\"$_->[0]}]}"), "$at/effects/0$_->[1]"] for (
    ['', ''], [',"src":5', '/src'], [',"src":"/etc/passwd"', '/src'], [',"src":"table.cube","intensity":1.1', '/intensity'],
    [',"src":"table.cube","intensity":-0.1', '/intensity'], [',"src":"table.cube","amount":1', '/amount'],
);
for my $name (qw(shape fill points)) {
    my $value = { shape => '"star"', fill => '"#fff"', points => 5 }->{$name};
    $bad{"$name of $_->[0]"} = [asset("{\"type\":$_->[1],\"$name\":$value}"), "$at/asset/$name"]
        for ['an image', '"image","src":"still.png"'], ['a colour', '"color","color":"#fff"'], ['a text', '"text","text":"T"'];
}

# Captions.
my $word  = '{"text":"T","start":0,"end":1}';
my $words = sub { clips("$color,\"duration\":3}") =~ s/\]\}\]\}\}$//r . ']},{"clips":[{"asset":{"type":"caption",' . join(',', @_) . '}' };
my $at_caption = '/timeline/tracks/1/clips/0';
$good{"a caption: $_"} = $words->("\"words\":[$word]$_") . '}]}]}}' for '', ',"highlight":"#ff0","max_words":1', ',"burn":false,"language":"pt-BR"',
    ',"font":{"size":30,"weight":"bold"},"background":"#000","stroke":{"width":2},"align":"left"';
$good{"a caption's clip: $_"} = $words->("\"words\":[$word]") . ",$_}]}]}}" for '"in_point":0.5,"out_point":0.9', '"position":"top","width":"50%"',
    '"offset":{"y":9},"opacity":0.5,"rotate":5,"scale":2,"start":1,"duration":1';
$bad{"a caption: $_->[0]"} = [$words->($_->[0]) . '}]}]}}', "$at_caption/asset$_->[1]"] for ['"burn":true', ''], ["\"src\":\"a.srt\",\"words\":[$word]", ''],
    ['"words":[]', '/words'], ['"words":{}', '/words'], ['"words":[{"text":"T","start":0}]', '/words/0'], ['"words":[{"text":"T","start":-1,"end":1}]', '/words/0/start'],
    ['"words":["T"]', '/words/0'], ["\"words\":[$word],\"max_words\":51", '/max_words'], ["\"words\":[$word],\"language\":\"e\"", '/language'],
    ["\"words\":[$word],\"text\":\"T\"", '/text'], ["\"words\":[$word],\"color\":\"#fff\"", '/color'], ["\"words\":[$word],\"font\":{\"min_size\":9}", '/font/min_size'];
$bad{"a caption's clip: $_->[0]"} = [$words->("\"words\":[$word]") . ",$_->[0]}]}]}}", "$at_caption/$_->[1]"] for ['"height":90', 'height'],
    ['"transition":{"in":"fade"}', 'transition'], ['"keyframes":{}', 'keyframes'], ['"volume":1', 'volume'], ['"fit":"fill"', 'fit'];
$bad{"$_ of a text"} = [asset("{\"type\":\"text\",\"text\":\"T\",\"$_\":" . { words => "[$word]", highlight => '"#fff"', max_words => 3, burn => 'true',
    language => '"en"' }->{$_} . '}'), "$at/asset/$_"] for qw(words highlight max_words burn language);

# Texts that shrink, the safe area, fonts, and captions as outputs.
$good{'a text that shrinks'} = clips('{"asset":{"type":"text","text":"T","font":{"size":90,"min_size":9}},"height":40}');
$good{"a text's outline"} = asset('{"type":"text","text":"T","stroke":{"color":"#000","width":2.5}}');
$good{"a safe area of $_"} = timeline("\"safe_area\":$_") for 0, 2000, '"0%"', '"40%"', '"5.5%"';
$bad{"a safe area of $_"} = [timeline("\"safe_area\":$_"), '/timeline/safe_area'] for -1, 2001, '"41%"', '"40.5%"', '"-1%"';
$good{'no fonts'} = timeline('"fonts":[]');
$bad{"fonts: $_->[0]"} = [timeline("\"fonts\":$_->[0]"), "/timeline/fonts$_->[1]"] for ['{}', ''], ['[{}]', '/0'], ['[{"src":"/a"}]', '/0/src'],
    ['[{"src":"a","x":1}]', '/0/x'], ['[' . join(',', ('{"src":"a"}') x 17) . ']', ''];
$bad{"captions: $_->[0]"} = [output("{\"format\":\"vtt\",$_->[0]}"), "/outputs/0/$_->[1]"] for ['"width":640', 'width'], ['"fps":25', 'fps'],
    ['"quality":"low"', 'quality'], ['"language":"?"', 'language'], ['"codec":"png"', 'codec'];
$bad{'a language of a film'} = [output('{"language":"en"}'), '/outputs/0/language'];
$good{"captions as $_"} = $words->("\"words\":[$word]") . "}]}]},\"outputs\":[{},{\"format\":\"$_\",\"language\":\"und\",\"range\":{\"duration\":1}}]}" for qw(vtt srt);

# URLs are right, though only a server fetches.
my %far = map { $_ => asset("{\"type\":\"video\",\"src\":\"$_\"}") } 'https://example.test/a.mp4', 'http://example.test:8080/a%20b?c=d&e=[1]#f',
    'https://[2001:db8::1]/a', 'https://example.test';
for my $url (sort keys %far) {
    spew("$dir/film.json", $far{$url});
    my $told = `'$build/render' plan '$dir/film.json' 2>&1 >/dev/null`;
    like $told, qr{/asset/src: cannot be used: only a server fetches from other hosts; download it}, "$url: the command does not";
}

# Every transition that the schema has: the parser knows it, too, though this machine's FFmpeg may not.
my $schema = $json->decode(slurp("$top/docs/composition.schema.json"));
my %known = map { $_ => 1 } @{ $schema->{'$defs'}{transition}{properties}{transition_type}{enum} };
cmp_ok scalar(keys %known), '>', 50, 'transitions are known';
for my $name (sort keys %known) {
    spew("$dir/film.json", clips("$color,\"duration\":2}", "{\"type\":\"transition\",\"transition_type\":\"$name\"}", "$color,\"duration\":2}"));
    my $told = `'$build/render' plan '$dir/film.json' 2>&1 >/dev/null`;
    like $told, qr{\A(?:.*/clips/1/transition_type: "$name" is not known to the FFmpeg of this machine\n)?\z}, "$name: the parser takes it";
}

# The schema's answer to all of them at once: { name => [[pointer, why], ...] }
my %documents = (%far, (map { $_ => $good{$_} } keys %good), (map { $_ => $bad{$_}[0] } keys %bad));
spew("$dir/documents", $json->encode({ map { $_ => $json->decode($documents{$_}) } keys %documents }));
my ($code, $out, $err) = check_contract('--documents', "$dir/documents");
is $code, 0, 'the schema is applied' or BAIL_OUT($err);
my $said = $json->decode($out);

my %told = parsed(%documents);

for my $name (sort keys %good) {
    my @told = @{ $told{$name} };
    is "@told", '', "$name: the parser takes it";
    is_deeply $said->{$name}, [], "$name: so does the schema" or diag explain $said->{$name};
}
is_deeply $said->{$_}, [], "$_: the schema takes it" for sort keys %far;
for my $name (sort keys %bad) {
    my $pointer = $bad{$name}[1];
    my @told = @{ $told{$name} };
    ok scalar(grep { index($_, $pointer) == 0 } @told), "$name: the parser refuses it" or diag explain \@told;
    my @where = map { $_->[0] eq '/' ? '' : $_->[0] } @{ $said->{$name} };
    (my $around = $pointer) =~ s{/[^/]*\z}{};
    ok scalar(grep { index($_, $around) == 0 } @where), "$name: so does the schema" or diag explain $said->{$name};
}
cmp_ok scalar(keys %documents), '>=', 40, 'documents were looked at';
done_testing;


# The pointers at which `render plan` finds fault with each of the documents; none if it makes a plan.
sub parsed {
    my %text  = @_;
    my @names = sort keys %text;
    my %told  = map { $_ => [] } @names;
    spew("$dir/film-$_.json", $text{ $names[$_] }) for 0 .. $#names;
    my $said = `cd '$dir' && '@{[ abs_path($build) ]}/render' plan --cache facts film-*.json 2>&1 >/dev/null`;
    for (split /\n/, $said) {
        if (/\Afilm-(\d+)\.json: (.*?): /) { push @{ $told{ $names[$1] } }, $2 }
        else { fail($_) }
    }
    return %told;
}
