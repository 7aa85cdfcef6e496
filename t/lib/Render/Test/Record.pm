package Render::Test::Record;

# What a test has sent and what came back, a line of JSON each, for t/contract/check.py to hold
# against docs/openapi.json. It judges nothing. Lines are written whole, so that children of a
# test may write too.

use strict;
use warnings;

use constant LONGEST => 256 * 1024;     # text of more than this is only counted

# new($file)
sub new {
    my ($class, $file) = @_;
    return bless { file => $file, places => {} }, $class;
}

sub file { $_[0]{file} }

# Locations that a test adds to nginx's server block: what the API serves there, it serves under a
# prefix or in part; the others are none of the contract's.
sub locations {
    my ($self, $conf, $prefix) = @_;
    while ($conf =~ /\blocation\s+(?:=|\^~)?\s*(\/\S*)\s*\{((?:[^{}]|(\{(?:[^{}]|(?3))*\}))*)\}/g) {
        my ($path, $body) = ($1, $2);
        my $own = $body =~ s/(\{(?:[^{}]|(?1))*\})/;/gr;
        my ($here) = $own =~ /\brender_prefix\s+([^\s;]+)/;
        $here = defined $here ? $here =~ s{/+\z}{}r : $prefix;
        $self->{places}{$path} = {
            outside => $own !~ /\brender_api\s/,
            prefix  => $here,
            partial => $own !~ /\brender_api\s+all\b/,
        } unless $path eq '/';
        $self->locations($body, $here);
    }
}

# exchange(method => , path => , type => , request => , status => , headers => {}, body => );
# cut => 1: the body was not read
sub exchange {
    my ($self, %x) = @_;
    my ($flags, $path) = $self->_place($x{path});
    my $type = _first($x{headers}{'content-type'}) // '';
    my $text = $type =~ m{\A(?:text/|application/(?:[\w.-]+\+)?json\b)}i;
    my $sent = $x{request};
    $sent = undef if ref $sent || length($sent // '') > LONGEST
        || ($x{type} // '') !~ /json|x-www-form-urlencoded/i && ($sent // '') !~ /\A\s*[\[{]/;
    my $body = $x{body} // '';
    $self->_write(
        '{"method":', _quoted($x{method}), ',"path":', _quoted($path), ',"type":', _quoted($x{type}),
        ',"request":', _quoted($sent), ',"status":', 0 + $x{status}, ',"headers":{',
        join(',', map { _quoted($_) . ':' . _quoted(_first($x{headers}{$_})) } sort keys %{ $x{headers} }),
        '},"body":', _quoted($text && !$x{cut} && length $body <= LONGEST ? $body : undef), ',"length":', length $body,
        $flags, '}');
}

# event($path, $text): one event of a stream
sub event {
    my ($self, $path, $text) = @_;
    $self->_write('{"path":', _quoted($path), ',"event":', _quoted($text), '}');
}

sub _place {
    my ($self, $path) = @_;
    my ($longest) = sort { length $b <=> length $a } grep { index($path, $_) == 0 } keys %{ $self->{places} };
    my $place = defined $longest ? $self->{places}{$longest} : undef;
    return ('', $path) unless $place;
    return (',"outside":true', $path) if $place->{outside};
    $path = substr $path, length $place->{prefix} if defined $place->{prefix} && index($path, "$place->{prefix}/") == 0;
    return (',"partial":true', $path);
}

sub _first { ref $_[0] ? join ', ', @{ $_[0] } : $_[0] }

my %escape = ((map { chr $_ => sprintf '\u%04x', $_ } 0 .. 31), '"' => '\"', '\\' => '\\\\');

# A JSON string of bytes as they are; what is no UTF-8 in them the reader must bear.
sub _quoted {
    my ($text) = @_;
    return 'null' unless defined $text;
    utf8::encode($text) if utf8::is_utf8($text);
    $text =~ s/([\\"\x00-\x1f])/$escape{$1}/g;
    return "\"$text\"";
}

sub _write {
    my ($self, @text) = @_;
    open my $out, '>>:raw', $self->{file} or die "$self->{file}: $!";
    my $line = join('', @text) . "\n";
    my $n = syswrite $out, $line;
    die "$self->{file}: $!" unless defined $n && $n == length $line;
    close $out or die "$self->{file}: $!";
}

1;
