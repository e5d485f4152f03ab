// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Contracts.Sites;

/// <summary>
/// With which keys the agent encrypts what it keeps of guests' disks: replicas and outbox logs that are made from then
/// on. A key file holds 64 hex digits (32 bytes) and is best kept on another medium than the site directory.
/// </summary>
public sealed record EncryptionSettings
{
    /// <summary>Absolute path of the key of groups that no tenant has.</summary>
    public required string KeyFile { get; init; }
    /// <summary>Used before: what they still lock is locked with the new one when it is opened.</summary>
    public IReadOnlyList<string> OldKeyFiles { get; init; } = [];
    public IReadOnlyList<TenantKey> Tenants { get; init; } = [];

    /// <summary>The key of the tenant that lists the group, else of the one whose group it is by its name.</summary>
    public TenantKey? TenantOf(string group) => Tenants.FirstOrDefault(t => t.Groups.Contains(group))
        ?? Tenants.FirstOrDefault(t => t.Name == GroupName.TenantOf(group) && t.Name != GroupName.DefaultTenant);

    public IEnumerable<string> Problems()
    {
        var files = Tenants.SelectMany(t => t.OldKeyFiles.Append(t.KeyFile)).Concat(OldKeyFiles).Append(KeyFile);
        foreach (var file in files.Where(f => !Path.IsPathFullyQualified(f)))
            yield return $"encryption: key file '{file}' is no absolute path";
        foreach (var tenant in Tenants.Where(t => !EntityName.IsValid(t.Name)))
            yield return $"encryption: tenant '{tenant.Name}'; {EntityName.Rule}";
        foreach (var twice in Tenants.SelectMany(t => t.Groups).GroupBy(g => g).Where(g => g.Count() > 1))
            yield return $"encryption: group {twice.Key} has more than one tenant";
    }
}

/// <param name="Groups">The groups whose data this tenant's key locks.</param>
public sealed record TenantKey(string Name, string KeyFile, IReadOnlyList<string> Groups)
{
    public IReadOnlyList<string> OldKeyFiles { get; init; } = [];
}
