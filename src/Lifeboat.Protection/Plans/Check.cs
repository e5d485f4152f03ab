// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Protection.Plans;

public enum CheckKind
{
    /// <summary>`boot:SECONDS`: the guest agent answers within this time.</summary>
    Boot = 1,
    /// <summary>`tcp:PORT`: the port accepts a connection from inside the instance's network.</summary>
    Tcp = 2,
    /// <summary>`exec:COMMAND`: the shell command exits 0 inside the guest.</summary>
    Exec = 3,
}

/// <summary>
/// One verification after the instances were started, written `[INSTANCE/]KIND:ARGUMENT`, e.g. `tcp:5432`,
/// `db1/exec:pg_isready`, `boot:300`. Without an instance it holds for every member.
/// </summary>
public sealed record Check(string? Instance, CheckKind Kind, string Argument)
{
    /// <returns>The check, or what is wrong with the text.</returns>
    public static (Check? Check, string? Problem) Parse(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon <= 0) return (null, $"check '{text}': it is written [instance/]boot|tcp|exec:argument");
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var instance = slash > 0 && slash < colon ? text[..slash] : null;
        var kindText = text[(instance is null ? 0 : slash + 1)..colon];
        var argument = text[(colon + 1)..];
        CheckKind? kind = kindText switch
        {
            "boot" => CheckKind.Boot,
            "tcp" => CheckKind.Tcp,
            "exec" => CheckKind.Exec,
            _ => null,
        };
        if (kind is null) return (null, $"check '{text}': '{kindText}' is not one of boot, tcp, exec");
        var check = new Check(instance, kind.Value, argument);
        return check.Problem() is { } problem ? (null, $"check '{text}': {problem}") : (check, null);
    }

    public bool AppliesTo(string instance) => Instance is null || Instance == instance;

    public override string ToString() =>
        (Instance is null ? "" : Instance + "/") + Kind.ToString().ToLowerInvariant() + ":" + Argument;

    private string? Problem()
    {
        if (Instance is not null && !EntityName.IsValid(Instance)) return EntityName.Rule;
        return Kind switch
        {
            CheckKind.Boot => InRange(1, 3600) ? null : "seconds are 1 to 3600",
            CheckKind.Tcp => InRange(1, 65535) ? null : "a port is 1 to 65535",
            CheckKind.Exec => Argument.Length is > 0 and <= 4096 ? null : "a command has 1 to 4096 characters",
        };
    }

    private bool InRange(int low, int high) =>
        int.TryParse(Argument, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n >= low && n <= high;
}
