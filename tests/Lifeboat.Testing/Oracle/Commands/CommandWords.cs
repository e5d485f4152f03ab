// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Testing.Oracle;

/// <summary>Arguments as `--name value`, switches as `--name`, and bare words. What nobody takes is an error.</summary>
internal sealed class CommandWords
{
    private static readonly string[] Switches = ["--scsi", "--stay", "--json", "--must-end-with-mark"];

    private readonly List<(string Name, string Value)> _named = [];
    private readonly List<string> _bare = [];

    public CommandWords(IEnumerable<string> arguments)
    {
        using var words = arguments.GetEnumerator();
        while (words.MoveNext())
        {
            var word = words.Current;
            if (!word.StartsWith("--", StringComparison.Ordinal)) _bare.Add(word);
            else if (Switches.Contains(word)) _named.Add((word, ""));
            else if (words.MoveNext()) _named.Add((word, words.Current));
            else throw Wrong($"{word} needs a value");
        }
    }

    public string One(string name) => Maybe(name) ?? throw Wrong($"{name} is missing");

    public string? Maybe(string name)
    {
        var all = Many(name);
        return all.Count <= 1 ? all.FirstOrDefault() : throw Wrong($"{name} is there {all.Count} times");
    }

    public IReadOnlyList<string> Many(string name)
    {
        var found = _named.Where(w => w.Name == name).Select(w => w.Value).ToArray();
        _named.RemoveAll(w => w.Name == name);
        return found;
    }

    public bool Has(string name) => Many(name).Count > 0;

    public long? Number(string name) => Maybe(name) is not { } text ? null
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : throw Wrong($"{name} {text} is not a number");

    public DateTimeOffset? Time(string name) =>
        Number(name) is { } microseconds ? DateTimeOffset.UnixEpoch.AddMicroseconds(microseconds) : null;

    public T? Choice<T>(string name) where T : struct, Enum => Maybe(name) is { } text ? ParseChoice<T>(text) : null;

    public static T ParseChoice<T>(string text) where T : struct, Enum =>
        Enum.TryParse<T>(text, ignoreCase: true, out var value) && Enum.IsDefined(value) ? value
        : throw Wrong($"{text} is none of {string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant()}");

    public string Bare() => _bare is [var one] ? one : throw Wrong("exactly one path is expected");

    /// <summary>To be called when all that is understood has been taken.</summary>
    public void End(bool bareTaken = false)
    {
        if (_named.Count > 0) throw Wrong($"{_named[0].Name} is not understood here");
        if (!bareTaken && _bare.Count > 0) throw Wrong($"{_bare[0]} is not understood here");
    }

    private static OracleException Wrong(string text) => new(OracleFault.BadArguments, text);
}
