// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Protection.RecoveryPoints;

/// <summary>Consistency of a recovery point; higher is better. Numbers are on disk and never change.</summary>
public enum Consistency : byte
{
    Crash = 1,
    FileSystem = 2,
    Application = 3,
    CleanShutdown = 4,
}
