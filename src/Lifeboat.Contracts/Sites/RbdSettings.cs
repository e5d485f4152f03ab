// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Sites;

/// <summary>How the agent reaches the Ceph cluster that base images are in, and where in it they are made.</summary>
public sealed record RbdSettings
{
    /// <summary>It exists and is initialised for RBD; the user may do `profile rbd` in it.</summary>
    public required string Pool { get; init; }
    /// <summary>Of the pool, made with `rbd namespace create`; absent: none.</summary>
    public string? Namespace { get; init; }
    /// <summary>Absolute path; names the monitors, and the keyring of the user if it is not where Ceph looks.</summary>
    public string ConfigurationFile { get; init; } = "/etc/ceph/ceph.conf";
    /// <summary>Without `client.`.</summary>
    public string User { get; init; } = "admin";
    /// <summary>Seconds, 1 to 300: a cluster that has not answered by then counts as unreachable.</summary>
    public int AnswerSeconds { get; init; } = 10;

    public IEnumerable<string> Problems()
    {
        if (!IsName(Pool)) yield return $"rbd: pool is '{Pool}'; it must be a pool's name, without '/' and '@'";
        if (Namespace is not null && !IsName(Namespace))
            yield return $"rbd: namespace is '{Namespace}'; it must be a name, without '/' and '@'";
        if (!Path.IsPathFullyQualified(ConfigurationFile))
            yield return $"rbd: configurationFile '{ConfigurationFile}' is no absolute path";
        if (User.Length == 0 || User.StartsWith("client.", StringComparison.Ordinal))
            yield return $"rbd: user is '{User}'; it must be the name without 'client.', e.g. lifeboat";
        if (AnswerSeconds is < 1 or > 300)
            yield return $"rbd: answerSeconds is {AnswerSeconds}; allowed is 1 to 300";
    }

    private static bool IsName(string name) =>
        name.Length > 0 && !name.Any(c => c is '/' or '@' || char.IsWhiteSpace(c) || char.IsControl(c));
}
