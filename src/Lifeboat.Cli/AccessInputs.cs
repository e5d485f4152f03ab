// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.CommandLine.Parsing;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;

namespace Lifeboat.Cli;

/// <summary>Inputs of the commands about users and tokens.</summary>
internal static class AccessInputs
{
    public static Argument<string> User() => new("user") { Description = "Name of the user" };

    public static Option<Role[]> Roles() => Names<Role>("--role", "Role");

    public static Option<Right[]> Rights(string description = "Single right") => Names<Right>("--right", description);

    public static Option<string?> PasswordFile() => new("--password-file")
    {
        Description = "File with the password, 12 to 256 characters; '-': the first line of stdin",
        HelpName = "FILE",
    };

    /// <summary>A secret is never an argument: those are shown to everybody on the host.</summary>
    /// <param name="option">Names the file; where it was not given there is no secret.</param>
    public static async Task<string?> ReadSecretAsync(ParseResult parsed, Option<string?> option, CancellationToken ct)
    {
        if (parsed.GetValue(option) is not { } file) return null;
        var text = file == UserFile.Stdin ? await Console.In.ReadLineAsync(ct) ?? ""
            : await UserFile.ReadAsync(option.Name, file, stdin: true, ct);
        return text.TrimEnd('\r', '\n') is { Length: > 0 } secret ? secret
            : throw new ProblemException(ReasonCode.InvalidRequest, $"there is no password in {file}");
    }

    public static string Text<T>(IEnumerable<T> values) where T : struct, Enum =>
        string.Join(", ", values.Select(v => Show.Name(v)));

    private static Option<T[]> Names<T>(string name, string description) where T : struct, Enum => new(name)
    {
        Description = $"{description}: {Text(Enum.GetValues<T>())}; may be repeated",
        HelpName = name[2..].ToUpperInvariant(),
        DefaultValueFactory = _ => [],
        CustomParser = result => [.. result.Tokens.Select(t => Parse<T>(t.Value, result)).OfType<T>()],
    };

    private static T? Parse<T>(string text, ArgumentResult result) where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>())
            if (Show.Name(value) == text) return value;
        result.AddError($"'{text}' is not known; there are: {Text(Enum.GetValues<T>())}");
        return null;
    }
}
