// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Oracle;

/// <summary>A recovered disk as a raw file. Nothing may write to it meanwhile; it is not changed.</summary>
/// <param name="FileSystem">
/// Null: found by looking. Say it where it is known: a file system whose superblock is lost looks like a raw disk.
/// </param>
public sealed record OracleImage(string Path, OracleFileSystem? FileSystem = null);
