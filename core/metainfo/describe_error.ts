/** What was wrong with a `.torrent`, in a sentence for people. */
import { describeBencodeError } from "../bencode/decode.ts";
import { unreachable } from "../bytes/result.ts";
import { PATH_BYTES_MAX, PATH_COMPONENTS_MAX } from "./file_list.ts";
import { type MetainfoError, PIECE_LENGTH_MAX } from "./parse.ts";

/** One sentence: what is wrong, and what to do. Callers put the torrent's place in front of it. */
export function describeMetainfoError(error: MetainfoError): string {
  return `${describeProblem(error)}; ${adviceFor(error)}`;
}

function describeProblem(error: MetainfoError): string {
  switch (error.code) {
    case "bad-bencode":
      return `This is not a valid torrent file: ${describeBencodeError(error.cause)}`;
    case "not-a-dictionary":
      return "This is not a torrent file: it is not a dictionary";
    case "info-missing":
      return "The torrent has no info dictionary";
    case "name-missing":
      return "The torrent has no name";
    case "pieces-missing":
      return "The torrent has no piece hashes";
    case "no-content":
      return "The torrent has no content, only empty files or none";
    case "piece-length-invalid":
      return error.found === undefined
        ? "The torrent has no piece length"
        : `The torrent has a piece length of ${error.found}, which is not between 1 and ${PIECE_LENGTH_MAX}`;
    case "pieces-size":
      return `The torrent's piece hashes have ${error.size} bytes, which is not a multiple of 20`;
    case "piece-count":
      return `The torrent has ${error.found} piece hashes, but its content has ${error.wanted} pieces`;
    case "files-invalid":
      return "The torrent must have either a length or a list of files";
    case "length-invalid":
      return `File ${error.file + 1} of the torrent has no valid length`;
    case "path-invalid":
      return `File ${error.file + 1} of the torrent has no valid path`;
    case "path-too-long":
      return `File ${error.file + 1} of the torrent has a path of more than ` +
        `${PATH_COMPONENTS_MAX} folders or ${PATH_BYTES_MAX} bytes`;
    case "too-many-files":
      return `The torrent lists ${error.found} files, but the maximum is ${error.max}`;
    case "content-too-large":
      return "The torrent's files have more than 2^53 bytes in total";
    case "meta-version-unknown":
      return "The torrent has a v2 part of an unknown version";
    case "piece-length-v2":
      return `The torrent has a v2 part with a piece length of ${error.found}, which is not a ` +
        "power of two from 16 KiB";
    case "too-many-pieces":
      return `The torrent has ${error.found} pieces, but the maximum is ${error.max}`;
    case "layer-missing":
      return `The torrent lacks the v2 piece layer of file ${error.file + 1}`;
    case "layer-invalid":
      return `The v2 piece layer of file ${error.file + 1} does not match the file's root hash`;
    case "file-tree-invalid":
      return "The torrent's v2 file tree is malformed";
    case "hybrid-mismatch":
      return "The torrent's v1 and v2 file lists do not agree";
    default:
      return unreachable(error);
  }
}

function adviceFor(error: MetainfoError): string {
  switch (error.code) {
    case "too-many-files":
      return "ask for the content as an archive or as several torrents";
    default:
      return "download it again, or ask its creator for a correct one";
  }
}
