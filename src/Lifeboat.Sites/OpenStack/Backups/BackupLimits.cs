// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Backups;

/// <param name="Backup">From asking for a backup, or for its restore, until it is whole.</param>
/// <param name="Thing">The same of a snapshot, a volume, a removal.</param>
internal sealed record BackupLimits(TimeSpan Backup, TimeSpan Thing);
