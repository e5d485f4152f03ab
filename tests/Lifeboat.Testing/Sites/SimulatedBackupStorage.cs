// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Sites;

/// <summary>The storage of backups that two clouds reach: what one removes neither has any more.</summary>
public sealed class SimulatedBackupStorage
{
    /// <summary>What a volume held, by the backup's id.</summary>
    public Dictionary<string, string> Contents { get; } = new(StringComparer.Ordinal);
}
